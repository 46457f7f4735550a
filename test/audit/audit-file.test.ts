/** The audit's file gets whole lines, in the file that has the name now, and is rotated by one process. */
import { describe, expect, test } from "bun:test";
import {
  appendFile,
  chmod,
  link,
  mkdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { readdirSync, readlinkSync } from "node:fs";
import { createAuditFile } from "../../src/audit/audit-file.ts";
import type { AuditFileOptions } from "../../src/audit/audit-file.ts";
import type { NegotiatorError } from "../../src/errors.ts";
import { errorOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const MODE_BITS = 0o777;

/** Makes a file in an empty directory, and remembers its problems. */
async function createRoom(options: Partial<AuditFileOptions> = {}) {
  const directory = await createTemporaryDirectory();
  const path = directory.at("log/audit.jsonl");
  const problems: NegotiatorError[] = [];
  const make = (more: Partial<AuditFileOptions> = {}) =>
    createAuditFile(
      { path, maxBytes: 1000, keep: 2, tryLock: () => true, ...options, ...more },
      (problem) => void problems.push(problem),
    );
  const textOf = (ending = ""): Promise<string> => readFile(path + ending, "utf8").catch(() => "missing");
  /** The number of descriptors of files in the directory. */
  const countOpen = (): number =>
    readdirSync("/proc/self/fd").filter((fd) => linkOf(fd).startsWith(directory.path)).length;
  return { ...directory, path, problems, make, textOf, countOpen };
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

describe("the lines", () => {
  test("are appended, and the first ones begin the file", async () => {
    await using room = await createRoom();
    const file = room.make();
    expect(file.write(["one", "two"])).toEqual({ isFirst: true });
    expect(file.write(["three"])).toEqual({ isFirst: false });
    expect(await room.textOf()).toBe("one\ntwo\nthree\n");
    expect((await stat(room.path)).mode & MODE_BITS).toBe(0o640);
    expect((await stat(room.at("log"))).mode & MODE_BITS).toBe(0o750);
    file.close();
    expect(room.countOpen()).toBe(0);
  });

  test("begin on their own line behind half a line of any writer", async () => {
    await using room = await createRoom();
    await mkdir(room.at("log"), { mode: 0o755 });
    await writeFile(room.path, "half", { mode: 0o640 });
    const file = room.make();
    file.write(["one"]);
    expect(await room.textOf()).toBe("half\none\n");
    await appendFile(room.path, "cut");
    file.write(["two"]);
    file.write(["three"]);
    expect(await room.textOf()).toBe("half\none\ncut\ntwo\nthree\n");
    await appendFile(room.path, "whole\n");
    file.write(["four"]);
    expect(await room.textOf()).toBe("half\none\ncut\ntwo\nthree\nwhole\nfour\n");
    file.close();
  });

  test("go on at the beginning of a file that was emptied", async () => {
    await using room = await createRoom();
    const file = room.make();
    file.write(["one"]);
    await truncate(room.path);
    expect(file.write(["two"])).toEqual({ isFirst: true });
    expect(await room.textOf()).toBe("two\n");
    file.close();
  });

  test("go into the file that has the name now", async () => {
    await using room = await createRoom();
    const file = room.make();
    file.write(["one"]);
    await rename(room.path, `${room.path}.moved`);
    expect(file.write(["two"])).toEqual({ isFirst: true });
    expect([await room.textOf(".moved"), await room.textOf()]).toEqual(["one\n", "two\n"]);
    expect(room.countOpen()).toBe(1);
    file.close();
  });

  test("open the file again after it was closed", async () => {
    await using room = await createRoom();
    const file = room.make();
    file.open();
    file.open();
    expect(room.countOpen()).toBe(1);
    file.close();
    file.close();
    expect(file.write(["one"])).toEqual({ isFirst: true });
    file.close();
  });
});

describe("a sync", () => {
  test("keeps the file open until it ends, and does nothing without a file", async () => {
    await using room = await createRoom();
    const file = room.make();
    await file.sync();
    file.write(["one"]);
    const synced = file.sync();
    file.close();
    expect(room.countOpen()).toBe(1);
    await synced;
    expect(room.countOpen()).toBe(0);
  });
});

describe("a rotation", () => {
  /** Ten bytes with its end. */
  const LINE = "123456789";

  test("comes when a line no longer fits, and not before", async () => {
    await using room = await createRoom({ maxBytes: 31 });
    const file = room.make();
    for (const isFirst of [true, false, false]) expect(file.write([LINE])).toEqual({ isFirst });
    expect(await room.textOf(".1")).toBe("missing");
    expect(file.write([LINE])).toEqual({ isFirst: true });
    expect([await room.textOf(".1"), await room.textOf()]).toEqual([`${LINE}\n`.repeat(3), `${LINE}\n`]);
    expect(room.problems).toEqual([]);
    expect(room.countOpen()).toBe(1);
    expect((await stat(`${room.path}.lock`)).mode & MODE_BITS).toBe(0o600);
    file.close();
  });

  test("counts the end of half a line that may have to come first", async () => {
    await using room = await createRoom({ maxBytes: 30 });
    const file = room.make();
    for (let count = 0; count < 3; count++) file.write([LINE]);
    expect([await room.textOf(".1"), await room.textOf()]).toEqual([`${LINE}\n`.repeat(2), `${LINE}\n`]);
    file.close();
  });

  test("does not come for an empty file, whatever the length of its first line", async () => {
    await using room = await createRoom({ maxBytes: 5 });
    const file = room.make();
    expect(file.write([LINE])).toEqual({ isFirst: true });
    expect(await room.textOf(".1")).toBe("missing");
    file.close();
  });

  test("comes at an open too, and once for two processes", async () => {
    await using room = await createRoom();
    const before = room.make();
    before.write([LINE]);
    const [one, other] = [room.make({ maxBytes: 5 }), room.make({ maxBytes: 5 })];
    one.open();
    other.open();
    expect([await room.textOf(".1"), await room.textOf(".2"), await room.textOf()]).toEqual([
      `${LINE}\n`,
      "missing",
      "",
    ]);
    for (const file of [before, one, other]) file.close();
    expect(room.countOpen()).toBe(0);
  });

  test("is another process's work while that has the lock, and says nothing", async () => {
    await using room = await createRoom({ maxBytes: 15, tryLock: () => false });
    const file = room.make();
    for (let count = 0; count < 3; count++) file.write([LINE]);
    expect([await room.textOf(), await room.textOf(".1")]).toEqual([`${LINE}\n`.repeat(3), "missing"]);
    expect(room.problems).toEqual([]);
    expect(room.countOpen()).toBe(1);
    file.close();
  });

  test("by another process while the lock was awaited does not come again", async () => {
    await using room = await createRoom({ maxBytes: 15 });
    const other = room.make();
    const file = room.make({
      tryLock() {
        other.write([LINE]);
        return true;
      },
    });
    file.write([LINE]);
    file.write([LINE]);
    expect([await room.textOf(".2"), await room.textOf(".1"), await room.textOf()]).toEqual([
      "missing",
      `${LINE}\n`,
      `${LINE}\n${LINE}\n`,
    ]);
    file.close();
    other.close();
  });

  test("that fails is a problem each time, and the lines go on", async () => {
    await using room = await createRoom({ maxBytes: 15 });
    const file = room.make();
    file.write([LINE]);
    await mkdir(`${room.path}.lock`);
    for (let count = 0; count < 2; count++) expect(file.write([LINE])).toEqual({ isFirst: false });
    expect(await room.textOf()).toBe(`${LINE}\n`.repeat(3));
    expect(room.problems.map(({ message }) => message.split("\n")[0])).toEqual([
      expect.stringContaining(`Cannot rotate the audit file "${room.path}"`),
      expect.stringContaining(`Cannot rotate the audit file "${room.path}"`),
    ]);
    file.close();
  });

  test("that fails lets the file grow by a megabyte, or to twice its size, but no further", async () => {
    await using room = await createRoom({ tryLock: () => false });
    const MIB = 1024 * 1024;
    for (const [maxBytes, most] of [
      [MIB / 2, MIB / 2 + MIB],
      [MIB * 2, MIB * 4],
    ] as const) {
      const file = room.make({ maxBytes });
      file.open();
      // The line with its end, and the end of half a line.
      await truncate(room.path, most - 2 - 10);
      await appendFile(room.path, "\n");
      expect(file.write([LINE])).toEqual({ isFirst: false });
      expect(errorOf(() => file.write([LINE]))).toMatchObject({ code: "BUSY" });
      await truncate(room.path);
      file.close();
    }
  });
});

describe("an unsafe place", () => {
  test.each([
    ["a link", async (path: string) => symlink("/dev/null", path)],
    ["a directory", async (path: string) => mkdir(path)],
  ])("%s at the file's name is an error of the system", async (_, prepare) => {
    await using room = await createRoom();
    await mkdir(room.at("log"), { mode: 0o755 });
    await prepare(room.path);
    expect(() => room.make().write(["one"])).toThrow(/ELOOP|EISDIR/);
    expect(room.countOpen()).toBe(0);
  });

  test("a file that others may write is refused, and so is another kind of file", async () => {
    await using room = await createRoom();
    await mkdir(room.at("log"), { mode: 0o755 });
    await writeFile(room.path, "");
    await chmod(room.path, 0o666);
    const { code, message } = errorOf(() => room.make().open());
    expect(code).toBe("BAD_CONFIG");
    expect(message).toStartWith(`Cannot write the audit file "${room.path}": `);
    expect(message).toEndWith("\nOr set another path for the audit file, in the setting audit.file");
    expect(room.countOpen()).toBe(0);
    const fifo = room.at("log/fifo");
    expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
    expect(errorOf(() => room.make({ path: fifo }).open()).message).toStartWith(
      `Cannot write the audit file "${fifo}": it is not a regular file\nRemove it\n`,
    );
    expect(room.countOpen()).toBe(0);
  });

  test("a directory that others may write is refused", async () => {
    await using room = await createRoom();
    await mkdir(room.at("log"));
    await chmod(room.at("log"), 0o777);
    expect(errorOf(() => room.make().open())).toMatchObject({ code: "BAD_CONFIG" });
    expect(await room.textOf()).toBe("missing");
  });

  test("a second name of the file changes nothing", async () => {
    await using room = await createRoom();
    const file = room.make();
    file.write(["one"]);
    await link(room.path, room.at("log/second"));
    file.write(["two"]);
    expect(await room.textOf()).toBe("one\ntwo\n");
    file.close();
  });
});
