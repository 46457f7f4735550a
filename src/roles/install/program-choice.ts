/** Chooses the binary that a machine can run: this program, or one beside it. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { readStamp, TARGET, VERSION } from "../../version.ts";
import { printable } from "../../printable.ts";
import { readElf } from "./elf.ts";
import { existsInRoot, placeInRoot } from "./place-in-root.ts";
import { isTargetName, LOADERS, OLDEST_GLIBC, TARGETS } from "./targets.ts";
import type { Architecture, Libc, TargetName } from "./targets.ts";

/** A binary that fits. `warnings`: what the machine must have besides. */
export type ProgramChoice = { path: string; target: TargetName; warnings: readonly string[] };

/** A machine: its C library with its version, if known; `hasAvx2` is undefined for an image. */
export type Machine = {
  architecture: Architecture;
  libc: Libc;
  glibcVersion?: string | undefined;
  hasCpp: boolean;
  hasAvx2: boolean | undefined;
};

/** The program that runs now: its path and target; those of another one are for tests. */
export type OwnProgram = { path: string; target: string };

/** Returns the path and the target of this program. */
export function ownProgram(): OwnProgram {
  return { path: process.execPath, target: TARGET };
}

/**
 * Returns what matters of this machine, or of the one under `root`. Throws `UNSUPPORTED`. `processors`: where
 * the kernel says what the processors can do.
 */
export function inspectMachine(root: string, own: OwnProgram, processors = "/proc/cpuinfo"): Machine {
  if (root === "/") {
    const { architecture, libc } = targetOf(own);
    const hasAvx2 = architecture === "arm64" || /^flags\s*:.*\bavx2\b/m.test(readText(processors) ?? "");
    return { architecture, libc, hasCpp: true, hasAvx2 };
  }
  const shell = readFirst(root, SHELLS);
  if (shell === undefined) {
    throw new NegotiatorError("UNSUPPORTED", `Cannot find a Linux system in "${root}": it has no /bin/sh`, {
      remedy: "Mount the root file system of the guest there, with everything below it",
    });
  }
  const { architecture, interpreter } = readElf(shell.bytes, shell.place);
  if (architecture !== "x64" && architecture !== "arm64") {
    throw new NegotiatorError(
      "UNSUPPORTED",
      `Cannot install into "${root}": its processor is a ${architecture}`,
      {
        remedy: "negotiator runs on x86-64 and on 64-bit ARM",
      },
    );
  }
  const isMusl =
    interpreter === undefined
      ? !existsInRoot(root, LOADERS.glibc[architecture])
      : interpreter === LOADERS.musl[architecture];
  const hasCpp = CPP_LIBRARIES.some((path) => existsInRoot(root, path));
  if (isMusl) return { architecture, libc: "musl", hasCpp, hasAvx2: undefined };
  const library = readFirst(root, GLIBC_LIBRARIES)?.bytes.toString("latin1") ?? "";
  const [, glibcVersion] = /release version (\d+\.\d+)/.exec(library) ?? [];
  return { architecture, libc: "glibc", glibcVersion, hasCpp, hasAvx2: undefined };
}

/**
 * Returns the binary for a machine: `own`, or a file `negotiator-TARGET` beside it. Throws `UNSUPPORTED` if
 * none of them can run there, and if that file is of another release.
 */
export function chooseProgram(machine: Machine, own: OwnProgram): ProgramChoice {
  const { architecture, libc, glibcVersion, hasCpp, hasAvx2 } = machine;
  if (glibcVersion !== undefined && compareVersions(glibcVersion, OLDEST_GLIBC) < 0) {
    const problem = `Cannot install: the C library is glibc ${glibcVersion}, older than ${OLDEST_GLIBC}`;
    throw new NegotiatorError("UNSUPPORTED", problem, { remedy: "Upgrade the system there" });
  }
  const suffix = libc === "musl" ? "-musl" : "";
  const plain = `linux-${architecture}${suffix}`;
  // A binary without AVX2 runs on every processor. Nothing is known of the one that runs an image.
  const names = hasAvx2 === true ? [plain, `${plain}-baseline`] : [`${plain}-baseline`, plain];
  const wanted = names.filter(isTargetName).filter((name) => hasAvx2 !== false || !TARGETS[name].wantsAvx2);
  const found = wanted.flatMap((target) => pathsOf(target, own).map((path) => ({ path, target })))[0];
  if (found === undefined) {
    const needed = wanted.map((name) => `negotiator-${name}`).join(" or ");
    const problem = `Cannot install: this binary is for ${own.target}, and the machine needs ${needed}`;
    throw new NegotiatorError("UNSUPPORTED", problem, {
      remedy: `Put that file beside this one, into ${dirname(own.path)}`,
    });
  }
  if (found.path !== own.path) checkBuild(found);
  const warnings: string[] = [];
  if (hasAvx2 === undefined && TARGETS[found.target].wantsAvx2)
    warnings.push("the processor of the guest must have AVX2; the baseline build needs only SSE4.2");
  if (libc === "musl" && !hasCpp)
    warnings.push("the machine has no libstdc++, which the program needs: apk add libstdc++");
  return { ...found, warnings };
}

/** The file may be for another architecture, so it cannot be asked. */
function checkBuild({ path, target }: { path: string; target: TargetName }): void {
  const build = readStamp(readFileSync(path));
  if (build?.version === VERSION && build.target === target) return;
  const what = build === undefined ? "not of this release" : `${build.version} for ${build.target}`;
  const problem = `Cannot install: "${printable(path)}" is ${what}, and this program is ${VERSION}`;
  throw new NegotiatorError("UNSUPPORTED", problem, {
    remedy: `Put negotiator-${target} of the release ${VERSION} there\nOr remove it: rm ${shellWord(path)}`,
  });
}

const SHELLS = ["/bin/sh", "/usr/bin/env", "/bin/busybox", "/sbin/init"];
const CPP_LIBRARIES = ["/usr/lib/libstdc++.so.6", "/lib/libstdc++.so.6", "/usr/local/lib/libstdc++.so.6"];
const GLIBC_LIBRARIES = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
];

function targetOf({ path, target }: OwnProgram): (typeof TARGETS)[TargetName] {
  if (isTargetName(target)) return TARGETS[target];
  throw new NegotiatorError("UNSUPPORTED", `Cannot install "${path}": this program runs from its source`, {
    remedy: "Build the binary, and run that: bun run build --target host",
  });
}

/** The running program, if it is for this target; then the file beside it. */
function pathsOf(target: TargetName, own: OwnProgram): string[] {
  const beside = join(dirname(own.path), `negotiator-${target}`);
  return [...(own.target === target ? [own.path] : []), ...(existsSync(beside) ? [beside] : [])];
}

function readFirst(root: string, paths: readonly string[]): { place: string; bytes: Buffer } | undefined {
  for (const path of paths) {
    const place = placeInRoot(root, path, { last: true });
    try {
      return { place, bytes: readFileSync(place) };
    } catch (thrown) {
      if (!["ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) throw thrown;
    }
  }
  return undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function compareVersions(one: string, other: string): number {
  const [a = [], b = []] = [one, other].map((text) => text.split(".").map(Number));
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0);
}
