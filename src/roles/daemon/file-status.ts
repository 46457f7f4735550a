/** Says in `status` whether a daemon can use its files, and has read them as they are now. */
import * as v from "valibot";
import { printable } from "../../printable.ts";
import { standardOutput } from "../../standard-output.ts";
import type { PolicyInForce } from "./policy-in-force.ts";

/**
 * Members of the answer to `status`. `policyProblem`: why every call is denied; null while the policy can be
 * used. `unreadFile`: which file the daemon has not read as it is now; null if there is none.
 */
export const FileStatusEntries = {
  policyProblem: v.optional(v.nullable(v.string()), null),
  unreadFile: v.optional(v.nullable(v.string()), null),
};

/** Checks these members alone. */
export const FileStatusSchema = v.object(FileStatusEntries);

/** These members. */
export type FileStatus = v.InferOutput<typeof FileStatusSchema>;

/** Returns them for a daemon with this policy. */
export function describeFiles({ problem, unread }: Pick<PolicyInForce, "problem" | "unread">): FileStatus {
  return { policyProblem: problem ?? null, unreadFile: unread ?? null };
}

/** Writes to stderr that the policy denies every call, and why. Writes nothing while it can be used. */
export async function warnOfPolicy({ policyProblem, unreadFile }: FileStatus): Promise<void> {
  if (policyProblem === null) return;
  // The file may have been corrected since.
  const problem = unreadFile ?? policyProblem;
  await warn(`Every call is denied here: ${problem}`);
}

/** Writes to stderr what the daemon does otherwise than the files say. */
export async function warnOfFiles(status: FileStatus): Promise<void> {
  if (status.policyProblem !== null) await warnOfPolicy(status);
  else if (status.unreadFile !== null) await warn(status.unreadFile);
}

async function warn(text: string): Promise<void> {
  const lines = `negotiator: ${text}`.split("\n").map(printable);
  await standardOutput.write("stderr", `${lines.join("\n")}\n`);
}
