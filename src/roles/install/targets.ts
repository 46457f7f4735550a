/** Owns the release targets and the properties that a binary for each must have. */

/** Node's names of the CPU architectures. */
export type Architecture = "x64" | "arm64";
/** The C libraries that targets use. */
export type Libc = "glibc" | "musl";

/**
 * One platform. `compile` is Bun's name for it; `wantsAvx2`: Bun does not support CPUs without AVX2 there.
 */
export type Target = {
  compile: Bun.Build.CompileTarget;
  architecture: Architecture;
  libc: Libc;
  wantsAvx2: boolean;
};

/** The name of a target. */
export type TargetName = keyof typeof TARGETS;

/** All targets. The keys are the file name suffixes in `dist` and the targets in `--version`. */
export const TARGETS = {
  "linux-x64": { compile: "bun-linux-x64", architecture: "x64", libc: "glibc", wantsAvx2: true },
  "linux-x64-baseline": {
    compile: "bun-linux-x64-baseline",
    architecture: "x64",
    libc: "glibc",
    wantsAvx2: false,
  },
  "linux-arm64": { compile: "bun-linux-arm64", architecture: "arm64", libc: "glibc", wantsAvx2: false },
  "linux-x64-musl": { compile: "bun-linux-x64-musl", architecture: "x64", libc: "musl", wantsAvx2: true },
  "linux-x64-musl-baseline": {
    compile: "bun-linux-x64-baseline-musl",
    architecture: "x64",
    libc: "musl",
    wantsAvx2: false,
  },
  "linux-arm64-musl": {
    compile: "bun-linux-arm64-musl",
    architecture: "arm64",
    libc: "musl",
    wantsAvx2: false,
  },
} as const satisfies Record<string, Target>;

/** All names, in build order. */
export const TARGET_NAMES: readonly TargetName[] = Object.keys(TARGETS).filter(isTargetName);

/** Returns whether `word` is the name of a target. */
export function isTargetName(word: string): word is TargetName {
  return Object.hasOwn(TARGETS, word);
}

/** The path of the dynamic loader on each platform, from the psABI of each architecture and from musl. */
export const LOADERS: Readonly<Record<Libc, Readonly<Record<Architecture, string>>>> = {
  glibc: { x64: "/lib64/ld-linux-x86-64.so.2", arm64: "/lib/ld-linux-aarch64.so.1" },
  musl: { x64: "/lib/ld-musl-x86_64.so.1", arm64: "/lib/ld-musl-aarch64.so.1" },
};

/** The glibc of CentOS 7, the oldest system that we support. */
export const OLDEST_GLIBC = "2.17";

/** The shared libraries that a binary may need: those of a minimal system, and libstdc++ for musl. */
export const LIBRARIES: Readonly<Record<Libc, RegExp>> = {
  glibc:
    /^(?:libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux-(?:x86-64\.so\.2|aarch64\.so\.1))$/,
  musl: /^(?:libc\.musl-(?:x86_64|aarch64)\.so\.1|libstdc\+\+\.so\.6|libgcc_s\.so\.1)$/,
};
