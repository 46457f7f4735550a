/** Says in `status` whether a daemon can use its files, and has read them as they are now. */
import { readlinkSync } from "node:fs";
import * as v from "valibot";
import { settingsElsewhere } from "../../config/config.ts";
import { printable } from "../../printable.ts";
import { standardOutput } from "../../standard-output.ts";
import type { PolicyInForce } from "./policy-in-force.ts";

/**
 * Members of the answer to `status`. `policyProblem`: why every call is denied; null while the policy can be
 * used. `unreadFile`: which file the daemon has not read as it is now; null if there is none.
 * `isProgramReplaced`: whether another file has taken the place of its program; undefined for a daemon that
 * has no `reexec`. `configPath`: the config that it uses; undefined for a daemon that does not say.
 * `setElsewhere`: the settings that it has from variables and options, by their keys, the values as JSON.
 */
export const FileStatusEntries = {
  policyProblem: v.optional(v.nullable(v.string()), null),
  unreadFile: v.optional(v.nullable(v.string()), null),
  isProgramReplaced: v.optional(v.boolean()),
  configPath: v.optional(v.string()),
  setElsewhere: v.optional(v.record(v.string(), v.object({ value: v.string(), origin: v.string() })), {}),
};

/** Checks these members alone. */
export const FileStatusSchema = v.object(FileStatusEntries);

/** These members. */
export type FileStatus = v.InferOutput<typeof FileStatusSchema>;

/** Resolves with them for a daemon with this policy. */
export async function describeFiles(
  policy: Pick<PolicyInForce, "problem" | "findUnread" | "config">,
): Promise<FileStatus> {
  const unread = await policy.findUnread();
  const { config } = policy;
  return {
    policyProblem: policy.problem ?? null,
    unreadFile: unread ?? null,
    isProgramReplaced: isProgramReplaced(),
    configPath: config.file.path,
    setElsewhere: Object.fromEntries(settingsElsewhere(config)),
  };
}

/** The kernel marks a file that has no name any longer. A package manager gives the name to the new one. */
function isProgramReplaced(): boolean {
  return readlinkSync("/proc/self/exe").endsWith(" (deleted)");
}

/** Says that the policy denies every call, and why; undefined while it can be used. */
export function explainPolicy({ policyProblem, unreadFile }: FileStatus): string | undefined {
  // The file may have been corrected since.
  return policyProblem === null ? undefined : `Every call is denied here: ${unreadFile ?? policyProblem}`;
}

/** Writes to stderr what the daemon does otherwise than the files say. */
export async function warnOfFiles(status: FileStatus): Promise<void> {
  const problem = explainPolicy(status) ?? status.unreadFile;
  if (problem !== null) await warn(problem);
}

async function warn(text: string): Promise<void> {
  const lines = `negotiator: ${text}`.split("\n").map(printable);
  await standardOutput.write("stderr", `${lines.join("\n")}\n`);
}
