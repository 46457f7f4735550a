/** The policy's files: reads them, and denies everything while one of them cannot be read. */
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { printable } from "../printable.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "./policy.ts";
import type { Policy } from "./policy.ts";
import { readPolicyParts } from "./policy-parts.ts";
import type { PolicyPart, PolicyReading } from "./policy-parts.ts";
import type { Rule } from "./rule.ts";

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
 * Returns the policy of the file and of those in its directory (`readPolicyParts`), or `DEFAULT_POLICY` if
 * there are none and the path is the default one. Throws `BAD_CONFIG` if one of them is unusable, or if there
 * are none at a path that was set: a misspelled path must not allow everything. A daemon gives `read`, the
 * files that it has read already.
 */
export function readPolicy({ path, setBy, remedy }: PolicyFile, read = readNow(path)): Policy {
  const parts = read();
  if (parts.length > 0) return { kind: "rules", rules: joinRules(parts, path, remedy) };
  if (setBy === undefined) return DEFAULT_POLICY;
  const isVariable = setBy.startsWith("NEGOTIATOR_");
  throw missingFile(
    path,
    "there is no such file",
    `Create it, or correct the ${isVariable ? "variable" : "setting policyFile in"} ${printable(setBy)}`,
  );
}

/** Parses all files, so that one error has the problems of all. Of several files a rule knows its place. */
function joinRules(parts: readonly PolicyPart[], path: string, remedy: string | undefined): Rule[] {
  const problems: string[] = [];
  const rules = parts.flatMap((part): Rule[] => {
    try {
      const policy = parsePolicy(part.text, part.path, remedy);
      if (policy.kind !== "rules") return [];
      if (parts.length === 1 && part.path === path) return [...policy.rules];
      return policy.rules.map((rule, index) => ({ ...rule, place: `rule ${index + 1} of ${part.path}` }));
    } catch (thrown) {
      problems.push(...NegotiatorError.from(thrown).message.split("\n"));
      return [];
    }
  });
  if (problems.length === 0) return rules;
  const lines = problems.filter((line) => line !== remedy);
  const last = problems.length > lines.length && remedy !== undefined ? { remedy } : {};
  throw new NegotiatorError("BAD_CONFIG", lines.join("\n"), last);
}

/**
 * Returns the policy for a daemon; `previous` is the one that a reload replaces. If the file cannot be read,
 * logs that and denies everything. A file that was there before and has disappeared counts as unreadable:
 * only a restart leads from a policy to none.
 */
export function loadPolicy(file: PolicyFile, previous?: Policy, read?: PolicyReading): Policy {
  try {
    const policy = readPolicy(file, read);
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

/** Returns a text that changes with the files and their content, and with what makes one of them unusable. */
export function fingerprintPolicy({ path }: PolicyFile, read = readNow(path)): string {
  try {
    const parts = read();
    return parts.length === 0 ? NO_POLICY : Bun.hash(JSON.stringify(parts)).toString(16);
  } catch (thrown) {
    return NegotiatorError.from(thrown).message;
  }
}

function readNow(path: string): PolicyReading {
  return () => readPolicyParts(path);
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
