/** Files are opened by the path that a rule may have meant, and used by their handle. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, realpath, symlink } from "node:fs/promises";
import { errnoOf } from "../../../src/errors.ts";
import { createFileCommands } from "../../../src/methods/agent/files.ts";
import { createKeptItems } from "../../../src/methods/agent/kept-items.ts";
import type { OpenFile } from "../../../src/methods/agent/open-file.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Returns calls that may have two files open, and the paths for which the policy was asked. */
async function createMachine(isPathAllowed = false) {
  const directory = await createTemporaryDirectory();
  const asked: [string, string][] = [];
  const files = createKeptItems<OpenFile>({
    most: 2,
    idleMs: 3_600_000,
    now: () => 0,
    isIdle: () => false,
    drop: (file) => void file.close(),
  });
  let handle = 1000;
  const commands = createFileCommands({
    files,
    nextHandle: () => ++handle,
    isPathAllowed(path, mode) {
      asked.push([path, mode]);
      return isPathAllowed;
    },
  });
  const { call } = createAgentCalls(commands);
  const path = await realpath(directory.path);
  return {
    ...directory,
    commands,
    files,
    asked,
    call: (name: string, args: Record<string, unknown>) => call(`guest-file-${name}`, args),
    open: async (name: string, mode?: string) =>
      BigInt(
        Number(
          await call("guest-file-open", { path: `${path}/${name}`, ...(mode === undefined ? {} : { mode }) }),
        ),
      ),
  };
}

describe("an open", () => {
  test("gives a new handle each time, and reads by default", async () => {
    await using machine = await createMachine();
    await machine.write("file", "text");
    expect([await machine.open("file"), await machine.open("file")]).toEqual([1001n, 1002n]);
    expect(await rejectionOf(machine.call("write", { handle: 1001n, "buf-b64": base64("x") }))).toMatchObject(
      {
        code: "NOT_EXECUTABLE",
        message: "failed to write to file: Bad file descriptor",
      },
    );
    expect(machine.asked).toEqual([]);
  });

  test.each([
    ["w", "", "new"],
    ["wb", "", "new"],
    ["a", "old", "oldnew"],
    ["r+", "old", "new"],
    ["w+b", "", "new"],
    ["a+", "old", "oldnew"],
  ])("with the mode %s of a file with %j", async (mode, _, expected) => {
    await using machine = await createMachine();
    await machine.write("file", "old");
    const handle = await machine.open("file", mode);
    expect(await machine.call("write", { handle, "buf-b64": base64("new") })).toEqual({
      count: 3n,
      eof: false,
    });
    expect(await machine.call("close", { handle })).toEqual({});
    expect(await readFile(machine.at("file"), "utf8")).toBe(expected);
  });

  test("asks for a rule about the whole path and the mode", () => {
    const [open] = createFileCommands({
      files: createKeptItems<OpenFile>({
        most: 1,
        idleMs: 1,
        now: () => 0,
        isIdle: () => true,
        drop: () => {},
      }),
      nextHandle: () => 1,
      isPathAllowed: () => false,
    });
    expect(open?.method.prepare({ path: "etc/../etc/passwd" }).resource).toEqual({
      kind: "path",
      path: "/etc/passwd",
      args: ["r"],
    });
    expect(open?.method.prepare({ path: "/x", mode: "w" }).resource).toMatchObject({ args: ["w"] });
  });

  test("of a link is refused, unless a rule allows where it leads", async () => {
    for (const isAllowed of [false, true]) {
      await using machine = await createMachine(isAllowed);
      const real = await realpath(machine.path);
      await machine.write("there/file", "text");
      await symlink("there", machine.at("link"));
      const opening = machine.open("link/file", "a");
      if (isAllowed) expect(await opening).toBe(1001n);
      else
        expect(await rejectionOf(opening)).toMatchObject({
          code: "DENIED",
          message: "A link leads to a path that no rule of the policy allows",
        });
      expect(machine.asked).toEqual([[`${real}/there/file`, "a"]]);
    }
  });

  test("of a new file in a linked directory asks about its real place", async () => {
    await using machine = await createMachine(true);
    await mkdir(machine.at("there"));
    await symlink("there", machine.at("link"));
    await machine.open("link/new", "w");
    expect(machine.asked).toEqual([[`${await realpath(machine.path)}/there/new`, "w"]]);
    expect(await readFile(machine.at("there/new"), "utf8")).toBe("");
  });

  test.each([
    ["missing", "r", "No such file or directory"],
    ["missing/file", "w", "No such file or directory"],
    [".", "w", "Is a directory"],
  ])("of %j with the mode %s says why not, and takes no room", async (name, mode, problem) => {
    await using machine = await createMachine();
    const path = `${await realpath(machine.path)}/${name}`;
    for (let count = 0; count < 3; count++)
      expect(await rejectionOf(machine.open(name, mode))).toMatchObject({
        code: "NOT_EXECUTABLE",
        message: `failed to open file '${path}' (mode: '${mode}'): ${problem}`,
      });
    expect(machine.files.count).toBe(0);
  });

  test.each(["", "/etc/pass\0wd"])("of the path %j is refused", async (path) => {
    await using machine = await createMachine();
    expect(await rejectionOf(machine.call("open", { path }))).toMatchObject({
      message: `failed to open file '${path}' (mode: 'r'): No such file or directory`,
    });
  });

  test("with an unknown mode is refused", async () => {
    await using machine = await createMachine();
    for (const mode of ["x", "", "rw", "constructor"])
      expect(await rejectionOf(machine.call("open", { path: "/etc/passwd", mode }))).toMatchObject({
        code: "BAD_REQUEST",
        message: `invalid file open mode '${mode}'`,
      });
  });

  test("of one file more than there is room for is refused", async () => {
    await using machine = await createMachine();
    await machine.write("file", "text");
    const first = await machine.open("file");
    await machine.open("file");
    expect((await rejectionOf(machine.open("file"))).message).toEndWith(": Too many open files");
    await machine.call("close", { handle: first });
    expect(await machine.open("file")).toBe(1003n);
  });
});

describe("a handle", () => {
  test("reads pieces until the end", async () => {
    await using machine = await createMachine();
    await machine.write("file", "some text");
    const handle = await machine.open("file");
    expect(await machine.call("read", { handle, count: 4n })).toEqual({
      count: 4,
      "buf-b64": base64("some"),
      eof: false,
    });
    expect(await machine.call("read", { handle })).toMatchObject({ count: 5, "buf-b64": base64(" text") });
    expect(await machine.call("read", { handle, count: 0n })).toMatchObject({ count: 0 });
    expect(await machine.call("read", { handle })).toEqual({ count: 0, "buf-b64": "", eof: true });
  });

  test("reads 4096 bytes by default, and at most what an answer takes", async () => {
    await using machine = await createMachine();
    await machine.write("file", "x".repeat(3_000_000));
    const handle = await machine.open("file");
    expect(await machine.call("read", { handle })).toMatchObject({ count: 4096 });
    expect(await machine.call("read", { handle, count: 50_331_648n })).toMatchObject({ count: 2_883_584 });
  });

  test.each([-1n, 50_331_649n])("does not read %d bytes", async (count) => {
    await using machine = await createMachine();
    await machine.write("file", "text");
    const handle = await machine.open("file");
    expect(await rejectionOf(machine.call("read", { handle, count }))).toMatchObject({
      code: "BAD_REQUEST",
      message: `value '${count}' is invalid for argument count`,
    });
  });

  test("writes as many of the bytes as it should", async () => {
    await using machine = await createMachine();
    const handle = await machine.open("file", "w");
    const write = (count: bigint) => machine.call("write", { handle, "buf-b64": base64("text"), count });
    for (const count of [0n, 2n, 4n]) expect(await write(count)).toEqual({ count, eof: false });
    for (const count of [-1n, 5n])
      expect(await rejectionOf(write(count))).toMatchObject({
        code: "BAD_REQUEST",
        message: `value '${count}' is invalid for argument count`,
      });
    expect(await readFile(machine.at("file"), "utf8")).toBe("tetext");
  });

  test("moves from the start, its place or the end, named by a word or a number", async () => {
    await using machine = await createMachine();
    await machine.write("file", "0123456789");
    const handle = await machine.open("file");
    const seek = (offset: bigint, whence: unknown) => machine.call("seek", { handle, offset, whence });
    expect(await seek(4n, "set")).toEqual({ position: 4n, eof: false });
    expect(await seek(2n, 1n)).toEqual({ position: 6n, eof: false });
    expect(await seek(-1n, "cur")).toEqual({ position: 5n, eof: false });
    expect(await seek(-3n, 2n)).toEqual({ position: 7n, eof: false });
    expect(await machine.call("read", { handle })).toMatchObject({ "buf-b64": base64("789") });
    expect(await seek(1n, 0n)).toEqual({ position: 1n, eof: false });
    expect(await rejectionOf(seek(0n, 3n))).toMatchObject({
      code: "BAD_REQUEST",
      message: "invalid whence code 3",
    });
    expect(await rejectionOf(seek(-1n, "set"))).toMatchObject({
      code: "NOT_EXECUTABLE",
      message: "failed to seek file: Invalid argument",
    });
  });

  test("that is closed or was never given is not found", async () => {
    await using machine = await createMachine();
    await machine.write("file", "text");
    const handle = await machine.open("file");
    expect(await machine.call("flush", { handle })).toEqual({});
    const file = machine.files.find(handle);
    await machine.call("close", { handle });
    expect(machine.files.count).toBe(0);
    expect(await file?.read(1).catch(errnoOf)).toBe("EBADF");
    const calls = {
      close: {},
      read: {},
      write: { "buf-b64": "" },
      seek: { offset: 0n, whence: 0n },
      flush: {},
    };
    for (const [name, more] of Object.entries(calls))
      expect(await rejectionOf(machine.call(name, { handle, ...more }))).toMatchObject({
        code: "BAD_REQUEST",
        message: "handle '1001' has not been found",
      });
  });
});
