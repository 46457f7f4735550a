/** Checks whether a binary's ELF header fits its release target. Pure. */
import type { Elf, VersionNeed } from "../src/roles/install/elf.ts";
import { LIBRARIES, LOADERS, OLDEST_GLIBC } from "../src/roles/install/targets.ts";
import type { Target } from "../src/roles/install/targets.ts";

/** Returns all problems, each worded to follow the file's name; an empty list if the binary fits. */
export function findElfProblems(elf: Elf, target: Target): string[] {
  const loader = LOADERS[target.libc][target.architecture];
  const problems: string[] = [];
  if (elf.architecture !== target.architecture) {
    problems.push(`is built for ${elf.architecture}, not for ${target.architecture}`);
  }
  if (elf.interpreter !== loader) {
    const found = elf.interpreter === undefined ? "no loader" : `the loader "${elf.interpreter}"`;
    problems.push(`asks for ${found}, not for "${loader}"`);
  }
  const surplus = elf.libraries.filter((library) => !LIBRARIES[target.libc].test(library));
  problems.push(...surplus.map((library) => `needs the library "${library}", which not every system has`));
  const tooNew = target.libc === "glibc" ? elf.versionNeeds.filter(isTooNew) : [];
  problems.push(
    ...tooNew.map(
      ({ library, version }) => `needs ${version} of ${library}, newer than GLIBC_${OLDEST_GLIBC}`,
    ),
  );
  return problems;
}

/**
 * Returns the newest numbered glibc version that the binary needs, such as `2.17`; undefined if it needs
 * none.
 */
export function newestGlibc(elf: Elf): string | undefined {
  return elf.versionNeeds
    .flatMap(({ version }) => numberOf(version) ?? [])
    .sort(compareVersions)
    .at(-1);
}

/** Versions without a number, such as `GLIBC_ABI_DT_RELR` (2.36), are all newer than our oldest glibc. */
function isTooNew({ version }: VersionNeed): boolean {
  const number = numberOf(version);
  return number === undefined || compareVersions(number, OLDEST_GLIBC) > 0;
}

function numberOf(version: string): string | undefined {
  return /^GLIBC_(\d+(?:\.\d+)*)$/.exec(version)?.[1];
}

function compareVersions(left: string, right: string): number {
  const [a, b] = [left.split(".").map(Number), right.split(".").map(Number)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
