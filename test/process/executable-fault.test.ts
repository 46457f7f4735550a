/** Why the system does not start an executable file, from the file itself. */
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { explainFiles } from "../../src/process/executable-fault.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

describe.each(["ENOENT", "ENOTDIR"] as const)("%s", (errno) => {
  test("with a working directory that is not one is about that", async () => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("command", "#!/absent\n");
    for (const cwd of [directory.at("absent"), path])
      expect(explainFiles(errno, { path, cwd })).toMatchObject({
        code: "INTERNAL",
        problem: `its working directory "${cwd}" is not a directory`,
      });
  });

  test.each([
    ["#!/absent/sh -e\n", 'the file is there, but its interpreter "/absent/sh" is missing'],
    ["#! \t/absent/sh", 'the file is there, but its interpreter "/absent/sh" is missing'],
    ["#!/bin/sh\r\n", 'the file is there, but its "#!" line ends with a carriage return'],
    ["\u007fELF", "the file is there, but the loader it was linked for is missing"],
    ["#!\n", "the file is there, but the loader it was linked for is missing"],
  ])("of a file that begins with %j has its reason", async (text, problem) => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("command", text);
    expect(explainFiles(errno, { path, cwd: "/" })).toMatchObject({ code: "NOT_EXECUTABLE", problem });
  });

  test("of no file says so", async () => {
    await using directory = await createTemporaryDirectory();
    expect(explainFiles(errno, { path: directory.at("absent"), cwd: "/" })).toEqual({
      code: "NO_COMMAND",
      problem: "no such file",
      reason: "its file was removed",
    });
  });
});

test("EACCES names a directory, a missing bit, or the user", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("command", "#!/bin/sh\n");
  const problemOf = (user?: { uid: number; gid: number }, at = path): string =>
    explainFiles("EACCES", { path: at, cwd: "/", ...(user && { user }) }).problem;
  const other = { uid: 7, gid: 8 };
  expect([problemOf(undefined, directory.path), problemOf(other, directory.path)]).toEqual([
    "it is a directory",
    "it is a directory",
  ]);
  expect([problemOf(), problemOf(other)]).toEqual([
    "it has no executable bit",
    "permission denied for user 7, group 8",
  ]);
  await chmod(path, 0o755);
  expect([problemOf(), problemOf(other)]).toEqual([
    "permission denied",
    "permission denied for user 7, group 8",
  ]);
});

test.each([
  ["\u007fELF and more", "it is damaged, or was built for another kind of machine"],
  ["echo", 'it has no "#!" line that names its interpreter'],
  ["", 'it has no "#!" line that names its interpreter'],
])("ENOEXEC of a file that begins with %j has its reason", async (text, problem) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("command", text);
  expect(explainFiles("ENOEXEC", { path, cwd: "/" })).toMatchObject({ code: "NOT_EXECUTABLE", problem });
});
