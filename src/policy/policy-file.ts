/** The policy's file: reads it, and denies everything while it cannot be read. */
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { printable } from "../printable.ts";
import { readTrustedFile } from "../trust/trusted-file.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "./policy.ts";
import type { Policy } from "./policy.ts";

/**
 * `setBy` names who set the path: a file, a variable or an option. It is undefined for the default path.
 * `remedy` is the last line of an error about the content. `loadedBy` is the command line that makes a daemon
 * read the file again.
 */
export type PolicyFile = {
  path: string;
  setBy: string | undefined;
  remedy?: string | undefined;
  loadedBy?: string | undefined;
};

const log = logFor("policy");

/**
 * Returns the policy in the file, or `DEFAULT_POLICY` if the default path has no file. Throws `BAD_CONFIG` if
 * the file is unusable, or missing at a path that was set: a misspelled path must not allow everything.
 */
export function readPolicy({ path, setBy, remedy }: PolicyFile): Policy {
  const text = readTrustedFile(path);
  if (text !== undefined) return parsePolicy(text, path, remedy);
  if (setBy === undefined) return DEFAULT_POLICY;
  const isVariable = setBy.startsWith("NEGOTIATOR_");
  throw missingFile(
    path,
    "there is no such file",
    `Create it, or correct the ${isVariable ? "variable" : "setting policyFile in"} ${printable(setBy)}`,
  );
}

/**
 * Returns the policy for a daemon; `previous` is the one that a reload replaces. If the file cannot be read,
 * logs that and denies everything. A file that was there before and has disappeared counts as unreadable:
 * only a restart leads from a policy to none.
 */
export function loadPolicy(file: PolicyFile, previous?: Policy): Policy {
  try {
    const policy = readPolicy(file);
    const hadPolicy = previous !== undefined && previous.kind !== "default";
    if (policy.kind === "default" && hadPolicy) throw disappeared(file.path);
    return policy;
  } catch (thrown) {
    const { message } = NegotiatorError.from(thrown);
    // A corrected file changes nothing until the daemon has read it.
    const problem = file.loadedBy === undefined ? message : `${message}\nThen load it: ${file.loadedBy}`;
    log.error(`Every call is denied until the policy is corrected: ${problem}`);
    return denyAll(problem);
  }
}

/** The fingerprint of a file that does not exist. */
export const NO_POLICY = "there is none";

/** Returns a text that changes with the content of the file, and with what makes it unusable. */
export function fingerprintPolicy({ path }: PolicyFile): string {
  try {
    const text = readTrustedFile(path);
    return text === undefined ? NO_POLICY : Bun.hash(text).toString(16);
  } catch (thrown) {
    return NegotiatorError.from(thrown).message;
  }
}

function disappeared(path: string): NegotiatorError {
  return missingFile(
    path,
    "there is no such file, and there was a policy before",
    "Create it, or restart the daemon to run without a policy",
  );
}

function missingFile(path: string, condition: string, remedy: string): NegotiatorError {
  const message = `Cannot read the policy "${printable(path)}": ${condition}`;
  return new NegotiatorError("BAD_CONFIG", message, { remedy });
}
