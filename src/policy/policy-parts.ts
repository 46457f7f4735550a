/** The files of a policy: `policy.toml`, and those of `policy.d` after it. */
import { readTrustedFile } from "../trust/trusted-file.ts";
import { listTrustedDirectory } from "../trust/trusted-directory.ts";

/** A file of the policy and its text. */
export type PolicyPart = { path: string; text: string };

/** Returns the directory of further files: `/etc/negotiator/policy.d` for `/etc/negotiator/policy.toml`. */
export function partsDirectoryOf(path: string): string {
  return `${path.replace(/\.toml$/, "")}.d`;
}

/**
 * Returns the files that exist: the one at `path`, and then the files `*.toml` of its directory in the order
 * of their names, byte by byte. Names that begin with a dot are left out. Throws `BAD_CONFIG` if one of them
 * or the directory cannot be used.
 */
export function readPolicyParts(path: string): PolicyPart[] {
  const directory = partsDirectoryOf(path);
  return [path]
    .flatMap(readPart)
    .concat(listParts(directory).flatMap((name) => readPart(`${directory}/${name}`)));
}

/** A file that was removed since its directory was read has no rules. */
function readPart(path: string): PolicyPart[] {
  const text = readTrustedFile(path);
  return text === undefined ? [] : [{ path, text }];
}

function listParts(directory: string): string[] {
  return (listTrustedDirectory(directory) ?? [])
    .filter((name) => name.endsWith(".toml") && !name.startsWith("."))
    .toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
