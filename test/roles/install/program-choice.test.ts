/** The binary that a machine gets: processor and C library decide. */
import { describe, expect, test } from "bun:test";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { chooseProgram, inspectMachine } from "../../../src/roles/install/program-choice.ts";
import type { Machine, OwnProgram } from "../../../src/roles/install/program-choice.ts";
import { LOADERS, OLDEST_GLIBC } from "../../../src/roles/install/targets.ts";
import { formatStamp, VERSION } from "../../../src/version.ts";
import { errorOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const X64: Machine = { architecture: "x64", libc: "glibc", hasCpp: true, hasAvx2: true };
const ALONE: OwnProgram = { path: "/nowhere/negotiator", target: "linux-x64" };

function stamped(target: string, version = VERSION): string {
  return `\u007fELF "negotiator-stamp:"; ${formatStamp({ version, commit: "0ff1ce", target })} \u0000`;
}

describe("chooseProgram", () => {
  test("takes the running program for a machine like this one", () => {
    expect(chooseProgram(X64, ALONE)).toEqual({ path: ALONE.path, target: "linux-x64", warnings: [] });
  });

  test("takes the baseline build beside it for a machine without AVX2, and for an image", async () => {
    await using folder = await createTemporaryDirectory();
    const beside = await folder.write("negotiator-linux-x64-baseline", stamped("linux-x64-baseline"));
    const own = { path: folder.at("negotiator-linux-x64"), target: "linux-x64" };
    for (const hasAvx2 of [false, undefined])
      expect(chooseProgram({ ...X64, hasAvx2 }, own)).toEqual({
        path: beside,
        target: "linux-x64-baseline",
        warnings: [],
      });
  });

  test.each([
    ["0.1.9 for linux-x64-baseline", stamped("linux-x64-baseline", "0.1.9")],
    [`${VERSION} for linux-arm64`, stamped("linux-arm64")],
    ["not of this release", "negotiator-stamp: with some other text"],
  ])("refuses a binary beside it that is %s", async (what, bytes) => {
    await using folder = await createTemporaryDirectory();
    const beside = await folder.write("negotiator-linux-x64-baseline", bytes);
    const own = { path: folder.at("negotiator"), target: "linux-x64" };
    expect(errorOf(() => chooseProgram({ ...X64, hasAvx2: undefined }, own))).toMatchObject({
      code: "UNSUPPORTED",
      message:
        `Cannot install: "${beside}" is ${what}, and this program is ${VERSION}\n` +
        `Put negotiator-linux-x64-baseline of the release ${VERSION} there\nOr remove it: rm ${beside}`,
    });
  });

  test("only a machine with musl has to have the C++ library, and the warning says how to get it", () => {
    const machine = { ...X64, hasCpp: false };
    expect(chooseProgram(machine, ALONE).warnings).toEqual([]);
    const musl = { path: "/nowhere/negotiator", target: "linux-x64-musl" };
    expect(chooseProgram({ ...machine, libc: "musl" }, musl).warnings).toEqual([
      "the machine has no libstdc++, which the program needs: apk add libstdc++",
    ]);
  });

  test("refuses a machine without AVX2 if only the build with AVX2 is there", () => {
    expect(errorOf(() => chooseProgram({ ...X64, hasAvx2: false }, ALONE))).toMatchObject({
      code: "UNSUPPORTED",
      message:
        "Cannot install: this binary is for linux-x64, " +
        "and the machine needs negotiator-linux-x64-baseline\n" +
        "Put that file beside this one, into /nowhere",
    });
  });

  test("warns of an image whose processor may lack AVX2, and of a missing libstdc++", () => {
    expect(chooseProgram({ ...X64, hasAvx2: undefined }, ALONE).warnings).toEqual([
      "the processor of the guest must have AVX2; the baseline build needs only SSE4.2",
    ]);
    const own = { path: "/n", target: "linux-x64-musl-baseline" };
    expect(chooseProgram({ ...X64, libc: "musl", hasCpp: false, hasAvx2: undefined }, own).warnings).toEqual([
      "the machine has no libstdc++, which the program needs: apk add libstdc++",
    ]);
  });

  test("refuses a glibc that is older than 2.17", () => {
    expect(errorOf(() => chooseProgram({ ...X64, glibcVersion: "2.12" }, ALONE))).toMatchObject({
      message: "Cannot install: the C library is glibc 2.12, older than 2.17\nUpgrade the system there",
    });
    for (const glibcVersion of [OLDEST_GLIBC, "2.36"])
      expect(chooseProgram({ ...X64, glibcVersion }, ALONE).target).toBe("linux-x64");
  });
});

describe("inspectMachine", () => {
  test.each([
    ["without AVX2", "flags\t\t: fpu avx avx512f\n", false],
    ["with AVX2", "processor\t: 0\nflags\t\t: fpu avx2 bmi\n", true],
  ])("of this machine, a processor %s counts for a program for x64 only", async (_, text, hasAvx2) => {
    await using directory = await createTemporaryDirectory();
    const processors = await directory.write("cpuinfo", text);
    const common = { libc: "glibc" as const, hasCpp: true };
    expect(inspectMachine("/", { path: "/p", target: "linux-x64-baseline" }, processors)).toEqual({
      ...common,
      architecture: "x64",
      hasAvx2,
    });
    expect(inspectMachine("/", { path: "/p", target: "linux-arm64" }, processors)).toEqual({
      ...common,
      architecture: "arm64",
      hasAvx2: true,
    });
  });

  test("reads processor, C library and its version from the image", async () => {
    await using image = await createTemporaryDirectory();
    await mkdir(image.at("bin"));
    await mkdir(image.at("lib64"));
    await cp("/bin/sh", image.at("bin/sh"), { dereference: true });
    await image.write("lib64/libc.so.6", "GNU C Library (Debian) stable release version 2.31.\n");
    const facts = { libc: "glibc" as const, glibcVersion: "2.31", hasCpp: false, hasAvx2: undefined };
    const architecture = process.arch === "arm64" ? "arm64" : "x64";
    expect(inspectMachine(image.path, ALONE)).toEqual({ ...facts, architecture });
  });

  test("notices another processor, and musl", async () => {
    await using image = await createTemporaryDirectory();
    const shell = await readFile("/bin/sh");
    const name = process.arch === "arm64" ? "arm64" : "x64";
    const loader = LOADERS.glibc[name];
    const at = shell.indexOf(loader);
    shell.fill(0, at, at + loader.length);
    shell.write(LOADERS.musl.x64.slice(0, loader.length), at);
    // e_machine of elf.h: EM_X86_64
    shell.writeUInt16LE(62, 18);
    await mkdir(image.at("bin"));
    await writeFile(image.at("bin/sh"), shell);
    expect(inspectMachine(image.path, ALONE)).toMatchObject({ architecture: "x64", libc: "musl" });
    shell.writeUInt16LE(183, 18);
    await writeFile(image.at("bin/sh"), shell);
    expect(inspectMachine(image.path, ALONE)).toMatchObject({ architecture: "arm64", libc: "glibc" });
    shell.writeUInt16LE(243, 18);
    await writeFile(image.at("bin/sh"), shell);
    expect(errorOf(() => inspectMachine(image.path, ALONE)).message).toContain(
      "its processor is a machine 243",
    );
  });

  test("refuses a directory without a Linux system", async () => {
    await using image = await createTemporaryDirectory();
    expect(errorOf(() => inspectMachine(image.path, ALONE)).message).toBe(
      `Cannot find a Linux system in "${image.path}": it has no /bin/sh\n` +
        "Mount the root file system of the guest there, with everything below it",
    );
  });
});
