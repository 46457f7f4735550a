/** The files of a policy: `policy.toml`, and those of `policy.d` after it. */
import { resolve } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { answerForFiles, askForFiles } from "../trust/late-files.ts";
import type { FilesAnswer } from "../trust/late-files.ts";
import { judgeHereOrThere } from "../trust/look.ts";
import type { Looks } from "../trust/look.ts";
import { readTrustedFile } from "../trust/trusted-file.ts";
import { listTrustedDirectory } from "../trust/trusted-directory.ts";

/** A file of the policy and its text. */
export type PolicyPart = { path: string; text: string };

/** Returns the files as they were read. Throws the error of that. */
export type PolicyReading = () => readonly PolicyPart[];

/** The question of a child that reads the files. */
export type PolicyQuestion = { kind: "policy"; path: string };

/** Returns the directory of further files: `/etc/negotiator/policy.d` for `/etc/negotiator/policy.toml`. */
export function partsDirectoryOf(path: string): string {
  return `${path.replace(/\.toml$/, "")}.d`;
}

/**
 * Returns the files that exist: the one at `path`, and then the files `*.toml` of its directory in the order
 * of their names, byte by byte. Names that begin with a dot are left out. Throws `BAD_CONFIG` if one of them
 * or the directory cannot be used. Throws as `looks` do.
 */
export function readPolicyParts(path: string, looks?: Looks): PolicyPart[] {
  const directory = partsDirectoryOf(path);
  const main = readPart(path, looks);
  return main.concat(listParts(directory, looks).flatMap((name) => readPart(`${directory}/${name}`, looks)));
}

/**
 * Resolves with what `readPolicyParts` returns or throws, and with a `TIMEOUT` after `limitMs`. Never waits
 * on this thread.
 */
export async function readPolicyPartsLate(path: string, limitMs?: number): Promise<PolicyReading> {
  const question: PolicyQuestion = { kind: "policy", path: resolve(path) };
  try {
    const parts = await judgeHereOrThere(
      (looks) => readPolicyParts(path, looks),
      () => askForFiles<PolicyPart[]>(question, limitMs),
    );
    return () => parts;
  } catch (thrown) {
    return () => {
      throw NegotiatorError.from(thrown);
    };
  }
}

/** Answers the question, and may wait. */
export function answerPolicy({ path }: PolicyQuestion, looks: Looks): FilesAnswer<PolicyPart[]> {
  return answerForFiles(() => readPolicyParts(path, looks));
}

/** A file that was removed since its directory was read has no rules. */
function readPart(path: string, looks?: Looks): PolicyPart[] {
  const text = readTrustedFile(path, undefined, looks);
  return text === undefined ? [] : [{ path, text }];
}

function listParts(directory: string, looks?: Looks): string[] {
  return (listTrustedDirectory(directory, looks) ?? [])
    .filter((name) => name.endsWith(".toml") && !name.startsWith("."))
    .toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
