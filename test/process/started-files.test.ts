/** The knowledge of a start before it happens. */
import { expect, spyOn, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { chmod, copyFile, readFile, symlink } from "node:fs/promises";
import { judgeStart, readHead } from "../../src/process/started-files.ts";
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

test.each<[line: string, interpreter: string]>([
  ["#!/bin/sh", "/bin/sh"],
  ["#! \t/bin/sh\t-x\n", "/bin/sh"],
  ["#!/bin/sh\0more\n", "/bin/sh"],
  // The kernel reads 256 bytes of the line.
  [`#!/bin/${"x".repeat(300)}\n`, `/bin/${"x".repeat(249)}`],
])("a script that begins with %j needs %s", async (line, interpreter) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", line);
  const { kind, files } = judgeStart(path);
  expect({ kind, files: files.slice(0, 2) }).toEqual({ kind: "local", files: [path, interpreter] });
});

test("a relative interpreter is not among the files, and one that the kernel serves is", async () => {
  await using directory = await createTemporaryDirectory();
  const relative = await directory.write("relative", "#!sh\n");
  expect(judgeStart(relative)).toEqual({ kind: "unknown", files: [relative] });
  const served = await directory.write("served", "#!/proc/self/exe\n");
  expect(judgeStart(served)).toEqual({ kind: "unknown", files: [served, "/proc/self/exe"] });
});

test("the sixth script of a chain is read, and the seventh is not", async () => {
  await using directory = await createTemporaryDirectory();
  const paths = ["/proc/self/exe"];
  for (let count = 1; count <= 7; count++)
    paths.unshift(await directory.write(`${count}`, `#!${paths[0]}\n`));
  const [whole = "", shorter = ""] = paths;
  expect(judgeStart(whole)).toEqual({ kind: "local", files: paths.slice(0, 7) });
  expect(judgeStart(shorter)).toEqual({ kind: "unknown", files: paths.slice(1) });
});

test("the needs of two interpreters are remembered for a second", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("other", "#!/bin/sh\n");
  const other = await directory.write("other-file", `#!${directory.at("other")}\n`);
  const path = await directory.write("file", `#!${directory.at("interpreter")}\n`);
  await directory.write("interpreter", "#!/bin/sh\n");
  let nowMs = 5000;
  using _ = spyOn(performance, "now").mockImplementation(() => nowMs);
  expect(judgeStart(path).kind).toBe("local");
  expect(judgeStart(other).kind).toBe("local");
  await directory.write("interpreter", "#!/proc/self/exe\n");
  nowMs += 999;
  expect(judgeStart(path).kind).toBe("local");
  nowMs += 1;
  expect(judgeStart(path).kind).toBe("unknown");
});

/** A 64-bit program for this machine: its headers one after the other, and then the loader's name. */
type Program = {
  machine?: number;
  /** The first bytes. */
  start?: readonly number[];
  headersAt?: number;
  headerBytes?: number;
  headerCount?: number;
  /** The types of the headers. All of them point to the loader's name. */
  types?: readonly number[];
  loader?: string;
  /** By how much the name's length differs from the one in the headers. */
  more?: number;
};

const OUR_MACHINE = process.arch === "arm64" ? 183 : 62;
const ELF_BYTES = 64;
const PT_LOAD = 1;
const PT_INTERP = 3;

function makeProgram({
  machine = OUR_MACHINE,
  start = [0x7f, 0x45, 0x4c, 0x46, 2, 1],
  headersAt = ELF_BYTES,
  headerBytes = 56,
  types = [PT_INTERP],
  headerCount = types.length,
  loader = "",
  more = 0,
}: Program): Buffer {
  const nameAt = headersAt + headerBytes * types.length;
  const bytes = Buffer.alloc(nameAt + Buffer.byteLength(loader));
  bytes.set(start);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(BigInt(headersAt), 32);
  bytes.writeUInt16LE(headerBytes, 54);
  bytes.writeUInt16LE(headerCount, 56);
  for (const [index, type] of types.entries()) {
    const at = headersAt + index * headerBytes;
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(nameAt), at + 8);
    if (headerBytes >= 40) bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(loader) + more), at + 32);
  }
  bytes.write(loader, nameAt);
  return bytes;
}

test.each<[what: string, program: Program, kind: "local" | "odd" | "unknown", files: readonly string[]]>([
  ["without headers", { types: [] }, "local", []],
  ["without a loader", { types: [PT_LOAD, PT_LOAD] }, "local", []],
  ["with a loader", { loader: "/lib/none\0" }, "local", ["/lib/none"]],
  ["with a loader after other headers", { types: [6, PT_LOAD, 3], loader: "/lib/n\0" }, "local", ["/lib/n"]],
  ["with longer headers", { headerBytes: 57, types: [1, 3], loader: "/lib/n\0" }, "local", ["/lib/n"]],
  ["with headers further behind", { headersAt: 100, loader: "/lib/n\0" }, "local", ["/lib/n"]],
  ["whose loader's name has no end", { loader: "/lib/none" }, "local", ["/lib/none"]],
  ["whose loader's name has two ends", { loader: "/lib/none\0\n\0" }, "local", ["/lib/none"]],
  ["whose loader's name is empty", {}, "unknown", []],
  ["whose loader's name ends behind the file", { loader: "/lib/none", more: 1 }, "unknown", []],
  ["whose loader has a relative path", { loader: "lib/none\0" }, "unknown", []],
  ["whose loader the kernel serves", { loader: "/proc/self/exe\0" }, "unknown", ["/proc/self/exe"]],
  ["with a header more than it says", { headerCount: 1, types: [1, 3], loader: "/x" }, "local", []],
  ["with a header less than it says", { headerCount: 2, types: [PT_LOAD] }, "unknown", []],
  ["with headers behind its head", { headersAt: 4096, loader: "/lib/none\0" }, "unknown", []],
  ["with short headers", { headerBytes: 55, types: [PT_LOAD] }, "odd", []],
  ["for another machine", { machine: 8, loader: "/lib/none\0" }, "odd", []],
  ["of 32 bits", { start: [0x7f, 0x45, 0x4c, 0x46, 1, 1] }, "odd", []],
  ["of the other byte order", { start: [0x7f, 0x45, 0x4c, 0x46, 2, 2] }, "odd", []],
])("a program %s: %#", async (_, program, kind, files) => {
  await using directory = await createTemporaryDirectory();
  await Bun.write(directory.at("file"), makeProgram(program));
  expect(judgeStart(directory.at("file"))).toEqual({ kind, files: [directory.at("file"), ...files] });
});

test("a program has at least 64 bytes", async () => {
  await using directory = await createTemporaryDirectory();
  const bytes = makeProgram({ types: [] });
  await Bun.write(directory.at("whole"), bytes);
  await Bun.write(directory.at("cut"), bytes.subarray(0, ELF_BYTES - 1));
  expect(judgeStart(directory.at("whole")).kind).toBe("local");
  expect(judgeStart(directory.at("cut")).kind).toBe("odd");
});

test("a loader that is a script needs no interpreter, and an interpreter's own loader counts", async () => {
  await using directory = await createTemporaryDirectory();
  const script = await directory.write("script", "#!/proc/self/exe\n");
  await Bun.write(directory.at("program"), makeProgram({ loader: `${script}\0` }));
  expect(judgeStart(directory.at("program"))).toEqual({
    kind: "local",
    files: [directory.at("program"), script],
  });
  const caller = await directory.write("caller", `#!${directory.at("program")}\n`);
  expect(judgeStart(caller)).toEqual({ kind: "local", files: [caller, directory.at("program"), script] });
  // The same file in the other use.
  const other = await directory.write("other", `#!${script}\n`);
  expect(judgeStart(other).kind).toBe("unknown");
});

test("the head of a file is at most its first 4096 bytes; a missing file has none", async () => {
  await using directory = await createTemporaryDirectory();
  const [short, long] = [await directory.write("short", "ab"), directory.at("long")];
  await Bun.write(long, `${"a".repeat(4096)}b`);
  expect(readHead(short)?.toString()).toBe("ab");
  expect(readHead(long)?.toString()).toBe("a".repeat(4096));
  expect(readHead(directory.at("none"))).toBeUndefined();
});

test("a look at a file's head leaves no descriptor open", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "text");
  const next = openSync(path, "r");
  closeSync(next);
  readHead(path);
  const after = openSync(path, "r");
  closeSync(after);
  expect(after).toBe(next);
});
