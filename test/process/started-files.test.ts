/** The knowledge of a start before it happens. */
import { expect, test } from "bun:test";
import { chmod, copyFile, readFile, symlink } from "node:fs/promises";
import { judgeStart } from "../../src/process/started-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

test.each<[string, string | Uint8Array, ReturnType<typeof judgeStart>["kind"]]>([
  ["a script of a local interpreter", "#!/bin/sh\n", "local"],
  ["a script with arguments for its interpreter", "#! /usr/bin/env -S sh\n", "local"],
  ["a script whose interpreter is on a file system of the kernel", "#!/proc/self/exe\n", "unknown"],
  ["a script whose interpreter has a relative path", "#!sh\n", "unknown"],
  ["a script whose interpreter is not UTF-8", new Uint8Array([35, 33, 47, 255, 10]), "unknown"],
  ["a script whose interpreter is missing", "#!/no/such/interpreter\n", "local"],
  ["a file without a known format", "echo hello\n", "odd"],
  ["an empty file", "", "odd"],
  ["half a program", "\u007fELF…", "odd"],
  ["a #! line without an interpreter", "#!\n", "odd"],
])("%s: %#", async (_, content, knowledge) => {
  await using directory = await createTemporaryDirectory();
  await Bun.write(directory.at("file"), content);
  expect(judgeStart(directory.at("file")).kind).toBe(knowledge);
});

test("a program and its loader on local disks are local", () => {
  expect(judgeStart("/bin/sh").kind).toBe("local");
  expect(judgeStart(process.execPath).kind).toBe("local");
});

test("a program whose loader is elsewhere is unknown, and one for another machine is odd", async () => {
  await using directory = await createTemporaryDirectory();
  await copyFile("/bin/true", directory.at("moved"));
  const bytes = await readFile(directory.at("moved"));
  const [, loader = ""] = /(\/lib[^\0]*ld-[^\0]*)\0/.exec(bytes.toString("latin1")) ?? [];
  const at = bytes.indexOf(loader);
  expect(at).toBeGreaterThan(0);
  bytes.write("/proc/self/exe\0", at, "latin1");
  await Bun.write(directory.at("moved"), bytes);
  expect(judgeStart(directory.at("moved")).kind).toBe("unknown");
  bytes.writeUInt16LE(8, 18);
  await Bun.write(directory.at("mips"), bytes);
  expect(judgeStart(directory.at("mips")).kind).toBe("odd");
});

test("a changed script is read again", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "#!/bin/sh\n");
  expect(judgeStart(path).kind).toBe("local");
  await Bun.write(path, "#!/proc/self/exe\n");
  expect(judgeStart(path).kind).toBe("unknown");
});

test("scripts of scripts are followed, and a chain that the system refuses is local", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("1", "#!/proc/self/exe\n");
  await directory.write("2", `#!${directory.at("1")}\n`);
  await directory.write("3", `#!${directory.at("2")}\n`);
  expect(judgeStart(directory.at("3")).kind).toBe("unknown");
  await directory.write("endless", `#!${directory.at("endless")}\n`);
  expect(judgeStart(directory.at("endless")).kind).toBe("local");
});

test("a directory, a missing file and a loop are not opened", async () => {
  await using directory = await createTemporaryDirectory();
  await symlink("loop", directory.at("loop"));
  await chmod(directory.path, 0o755);
  expect(judgeStart(directory.path).kind).toBe("local");
  expect(judgeStart(directory.at("none")).kind).toBe("local");
  expect(judgeStart(directory.at("loop")).kind).toBe("unknown");
});
