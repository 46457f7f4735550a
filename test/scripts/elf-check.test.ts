/** Tests whether binaries fit their release targets. */
import { describe, expect, test } from "bun:test";
import { findElfProblems, newestGlibc } from "../../scripts/elf-check.ts";
import type { Elf } from "../../src/roles/install/elf.ts";
import { LOADERS, TARGETS } from "../../src/roles/install/targets.ts";

const GOOD_GLIBC: Elf = {
  architecture: "x64",
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  libraries: ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"],
  versionNeeds: [
    { library: "libc.so.6", version: "GLIBC_2.2.5" },
    { library: "libc.so.6", version: "GLIBC_2.17" },
    { library: "ld-linux-x86-64.so.2", version: "GLIBC_2.3" },
  ],
};
const GOOD_MUSL: Elf = {
  architecture: "arm64",
  interpreter: "/lib/ld-musl-aarch64.so.1",
  libraries: ["libstdc++.so.6", "libc.musl-aarch64.so.1"],
  versionNeeds: [{ library: "libstdc++.so.6", version: "GLIBCXX_3.4.29" }],
};

describe("findElfProblems", () => {
  test("findElfProblems returns nothing for binaries that fit", () => {
    expect(findElfProblems(GOOD_GLIBC, TARGETS["linux-x64"])).toEqual([]);
    expect(findElfProblems(GOOD_GLIBC, TARGETS["linux-x64-baseline"])).toEqual([]);
    expect(findElfProblems(GOOD_MUSL, TARGETS["linux-arm64-musl"])).toEqual([]);
  });

  for (const version of [
    "GLIBC_2.18",
    "GLIBC_2.28",
    "GLIBC_2.17.1",
    "GLIBC_3",
    "GLIBC_ABI_DT_RELR",
    "GLIBCXX_3.4",
  ]) {
    test(`findElfProblems refuses a glibc build that needs ${version}`, () => {
      const elf = {
        ...GOOD_GLIBC,
        versionNeeds: [...GOOD_GLIBC.versionNeeds, { library: "libm.so.6", version }],
      };
      expect(findElfProblems(elf, TARGETS["linux-x64"])).toEqual([
        `needs ${version} of libm.so.6, newer than GLIBC_2.17`,
      ]);
    });
  }

  test("findElfProblems reports all differences of a binary for another platform", () => {
    expect(findElfProblems(GOOD_MUSL, TARGETS["linux-x64"])).toEqual([
      "is built for arm64, not for x64",
      'asks for the loader "/lib/ld-musl-aarch64.so.1", not for "/lib64/ld-linux-x86-64.so.2"',
      'needs the library "libstdc++.so.6", which not every system has',
      'needs the library "libc.musl-aarch64.so.1", which not every system has',
      "needs GLIBCXX_3.4.29 of libstdc++.so.6, newer than GLIBC_2.17",
    ]);
  });

  test("findElfProblems refuses a missing loader, and a loader at another path", () => {
    expect(problemsWith(undefined)).toEqual([`asks for no loader, not for "${LOADERS.glibc.x64}"`]);
    expect(problemsWith("/nix/store/x/ld-linux-x86-64.so.2")).toHaveLength(1);
  });

  test("findElfProblems refuses libraries that minimal systems lack", () => {
    const elf = { ...GOOD_GLIBC, libraries: [...GOOD_GLIBC.libraries, "libgcc_s.so.1", "xlibc.so.6"] };
    expect(findElfProblems(elf, TARGETS["linux-x64"])).toHaveLength(2);
  });
});

describe("newestGlibc", () => {
  test("newestGlibc compares versions by number", () => expect(newestGlibc(GOOD_GLIBC)).toBe("2.17"));
  test("newestGlibc returns undefined for a musl binary", () =>
    expect(newestGlibc(GOOD_MUSL)).toBeUndefined());
});

function problemsWith(interpreter: string | undefined): string[] {
  return findElfProblems({ ...GOOD_GLIBC, interpreter }, TARGETS["linux-x64"]);
}
