/** Commands that the system would not start, by their files. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, symlink } from "node:fs/promises";
import { readdirSync, writeFileSync } from "node:fs";
import {
  findLoneSettings,
  findModeFault,
  findPlainScripts,
  findStartFault,
} from "../../../src/roles/doctor/broken-commands.ts";
import { readHead } from "../../../src/process/started-files.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

/** Returns the problem of a file with this text. */
async function problemOf(text: string): Promise<string | undefined> {
  await using place = await createTemporaryDirectory();
  return findStartFault(await place.write("run", text))?.problem;
}

test("a script whose interpreter is there has no fault, also with blanks and words around it", async () => {
  expect(await problemOf("#!/bin/sh\n")).toBeUndefined();
  expect(await problemOf("#! \t/bin/sh -e\n")).toBeUndefined();
  expect(await problemOf("#!/bin/sh")).toBeUndefined();
});

test("a script whose interpreter is missing, and one without a first line, have a fault", async () => {
  expect(await problemOf("#!/nowhere/sh\n")).toContain("/nowhere/sh");
  expect(await problemOf("echo\n")).toBeString();
});

test("an empty file has a fault, and its remedy removes it", async () => {
  await using place = await createTemporaryDirectory();
  const path = await place.write("a b", "");
  expect(findStartFault(path)).toEqual({
    path,
    problem: "it is empty",
    remedy: `Write it, or remove it: rm '${path}'`,
  });
});

test("a missing command, and one that is not a file, have no fault of a start", async () => {
  await using place = await createTemporaryDirectory();
  expect(findStartFault(place.at("missing"))).toBeUndefined();
  await mkdir(place.at("directory"));
  expect(findStartFault(place.at("directory"))).toBeUndefined();
});

test.each([
  ["#!/usr/bin/env no-such-program\n", "no-such-program"],
  ["#!/usr/bin/env -S no-such-program -x\n", "no-such-program"],
  ["#! /usr/bin/env\tno-such-program\n", "no-such-program"],
])("a program that env cannot find is named: %j", async (text, name) => {
  expect(await problemOf(text)).toStartWith(`there is no program "${name}" in the PATH of commands`);
});

test.each(["#!/usr/bin/env sh\n", "#!/usr/bin/env -S sh -e\n", "#!/usr/bin/env A=1 no-such-program\n"])(
  "a line of env that finds its program, or says more than a name, has no fault: %j",
  async (text) => expect(await problemOf(text)).toBeUndefined(),
);

/** The head of a program of this machine. Its loader and its kind of processor can be changed. */
function readProgram(): Buffer {
  const head = readHead(process.execPath);
  if (head === undefined) throw new Error(`Cannot read ${process.execPath}`);
  return head;
}

/** Source: e_machine in elf(5), and EM_* in linux/elf-em.h. */
const MACHINE_AT = 18;
const MACHINES = { x64: 62, arm64: 183 } as const;

test("a program of this machine has no fault, and one without its loader names the loader", async () => {
  await using place = await createTemporaryDirectory();
  const path = place.at("run");
  const bytes = readProgram();
  writeFileSync(path, bytes);
  expect(findStartFault(path)).toBeUndefined();
  const at = bytes.indexOf("/ld-") + 1;
  expect(at).toBeGreaterThan(0);
  bytes.write("xx", at);
  writeFileSync(path, bytes);
  expect(findStartFault(path)?.problem).toMatch(/^its loader \/\S+\/xx-\S+ is missing$/);
});

test("a program for another processor has a fault, unless the kernel has an emulator", async () => {
  await using place = await createTemporaryDirectory();
  const path = place.at("run");
  const bytes = readProgram();
  const other = process.arch === "x64" ? "arm64" : "x64";
  bytes.writeUInt16LE(MACHINES[other], MACHINE_AT);
  writeFileSync(path, bytes);
  const mayRun = readdirSync("/proc/sys/fs/binfmt_misc").length > 0;
  const problem = `it was built for ${other}, and this machine is ${process.arch}`;
  expect(findStartFault(path)?.problem).toBe(mayRun ? undefined : problem);
});

test("a file with a part of an ELF header may run, because its machine is not known", async () => {
  expect(await problemOf("\u007fELF")).toBeUndefined();
});

const STRANGER = { uid: 65_000, groups: [65_000], name: "web" };

/** Returns the fault of a mode, for a user who owns the file, is in its group, or neither. */
async function modeFault(text: string, mode: number, runner: Partial<typeof STRANGER>) {
  await using place = await createTemporaryDirectory();
  const path = await place.write("run", text);
  await chmod(path, mode);
  return findModeFault(path, { ...STRANGER, ...runner })?.problem;
}

const isRoot = process.getuid?.() === 0;

test("others may execute a program without reading it, and must read a script", async () => {
  expect(await modeFault("\u007fELF", 0o701, {})).toBeUndefined();
  expect(await modeFault("\u007fELF", 0o776, {})).toBe('the user "web", as whom it runs, may not execute it');
  expect(await modeFault("#!/bin/sh\n", 0o705, {})).toBeUndefined();
  for (const mode of [0o771, 0o774, 0o770])
    expect(await modeFault("#!/bin/sh\n", mode, {})).toBe(
      'the user "web", as whom it runs, may not read and execute it',
    );
});

test("the bits of the group count for its members, and not those of others", async () => {
  const groups = [process.getgid?.() ?? 0];
  expect(await modeFault("#!/bin/sh\n", 0o750, { groups })).toBeUndefined();
  expect(await modeFault("#!/bin/sh\n", 0o705, { groups })).toBeString();
});

test.if(isRoot)("the bits of the owner count for the owner, and not those of others", async () => {
  await using place = await createTemporaryDirectory();
  const path = await place.write("run", "#!/bin/sh\n");
  await chown(path, STRANGER.uid, 0);
  await chmod(path, 0o500);
  expect(findModeFault(path, STRANGER)).toBeUndefined();
  await chmod(path, 0o055);
  expect(findModeFault(path, STRANGER)?.remedy).toBe(`Allow it: chmod 755 ${path}`);
});

test("root may run what has no bit for it, and what is not a file has no fault of its mode", async () => {
  expect(await modeFault("#!/bin/sh\n", 0o644, { uid: 0 })).toBeUndefined();
  expect(findModeFault("/", STRANGER)).toBeUndefined();
  expect(findModeFault("/no-such-file", STRANGER)).toBeUndefined();
});

test("settings without their command are found, and hidden files and other names are not", async () => {
  await using place = await createTemporaryDirectory();
  for (const name of ["a", "a.toml", "b.toml", ".c.toml", "d"]) await place.write(name, "");
  expect(await findLoneSettings(place.path)).toEqual([place.at("b.toml")]);
  expect(await findLoneSettings(place.at("missing"))).toEqual([]);
});

test("a script without an executable bit is found, and one with a bit, or without #!, is not", async () => {
  await using place = await createTemporaryDirectory();
  await place.write("plain", "#!/bin/sh\n");
  await chmod(await place.write("of-owner", "#!/bin/sh\n"), 0o744);
  await place.write("notes", "# !\n");
  await mkdir(place.at("directory"));
  await symlink("missing", place.at("link"));
  expect(await findPlainScripts(place.path)).toEqual([
    {
      path: place.at("plain"),
      problem: "it has no executable bit",
      remedy: `Make it executable: chmod 755 ${place.at("plain")}`,
    },
  ]);
  expect(await findPlainScripts(place.at("missing"))).toEqual([]);
});
