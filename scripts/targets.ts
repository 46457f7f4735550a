/** The platforms that we release for, and what a binary for each of them must look like. */

export type Architecture = "x64" | "arm64";
export type Libc = "glibc" | "musl";

/** `compile` is Bun's name for the same platform; `wantsAvx2` says that Bun promises nothing for older CPUs. */
export type Target = {
  compile: Bun.Build.CompileTarget;
  architecture: Architecture;
  libc: Libc;
  wantsAvx2: boolean;
};

export type TargetName = keyof typeof TARGETS;

/** Keys are the suffixes of the file names in `dist`, and the values of `NEGOTIATOR_TARGET`. */
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

/** All names, in the order in which they are built. */
export const TARGET_NAMES: readonly TargetName[] = Object.keys(TARGETS).filter(isTargetName);

/** Whether a word is one of the names. */
export function isTargetName(word: string): word is TargetName {
  return Object.hasOwn(TARGETS, word);
}

/** The dynamic loader that the kernel starts for a program of this platform, from the psABI of each architecture and musl. */
export const LOADERS: Readonly<Record<Libc, Readonly<Record<Architecture, string>>>> = {
  glibc: { x64: "/lib64/ld-linux-x86-64.so.2", arm64: "/lib/ld-linux-aarch64.so.1" },
  musl: { x64: "/lib/ld-musl-x86_64.so.1", arm64: "/lib/ld-musl-aarch64.so.1" },
};

/** The shared libraries that a binary may need: what every small system of its kind has, musl's with libstdc++ added. */
export const LIBRARIES: Readonly<Record<Libc, RegExp>> = {
  glibc:
    /^(?:libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux-(?:x86-64\.so\.2|aarch64\.so\.1))$/,
  musl: /^(?:libc\.musl-(?:x86_64|aarch64)\.so\.1|libstdc\+\+\.so\.6|libgcc_s\.so\.1)$/,
};
