/** A source of input: what it reads of a file, a pipe and a terminal, and what it leaves. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { expect, test } from "bun:test";
import { createInputSource } from "../../src/process/input-source.ts";
import { setNonBlocking } from "../../src/process/libc.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

type Source = ReturnType<typeof createInputSource>;

async function readText(source: Source): Promise<string | undefined> {
  const bytes = await source.read();
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** The flags of the open file, which all processes share that have it (proc(5)). */
const flagsOf = (fd: number): string =>
  /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";

const offsetOf = (fd: number): number =>
  Number(/^pos:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1]);

async function withFile(text: string, use: (fd: number) => Promise<void>): Promise<void> {
  await using directory = await createTemporaryDirectory();
  const fd = openSync(await directory.write("input", text), "r");
  try {
    await use(fd);
  } finally {
    closeSync(fd);
  }
}

const restOf = (fd: number): string => {
  const room = new Uint8Array(100);
  return new TextDecoder().decode(room.subarray(0, readSync(fd, room, 0, 100, null)));
};

test("a file is read from its offset, and the bytes that are given back are left", async () => {
  await withFile("0123456789", async (fd) => {
    readSync(fd, new Uint8Array(2), 0, 2, null);
    const source = createInputSource(fd);
    expect(await readText(source)).toBe("23456789");
    expect(await source.read()).toBeUndefined();
    source.giveBack(3);
    expect(restOf(fd)).toBe("789");
  });
});

test("bytes are not given back to a file that another process has read on", async () => {
  await withFile("0".repeat(100_000), async (fd) => {
    const source = createInputSource(fd);
    await source.read();
    readSync(fd, new Uint8Array(5), 0, 5, null);
    const offset = offsetOf(fd);
    source.giveBack(20);
    expect(offsetOf(fd)).toBe(offset);
  });
});

test("only bytes of the last reads without a gap are given back", async () => {
  await withFile("0".repeat(100_000), async (fd) => {
    const source = createInputSource(fd);
    await source.read();
    readSync(fd, new Uint8Array(1), 0, 1, null);
    const offset = offsetOf(fd);
    await source.read();
    source.giveBack(90_000);
    expect(offsetOf(fd)).toBe(offset);
  });
});

test.each([false, true])(
  "a pipe, non-blocking: %p, gives bytes as they come, and its mode stays",
  async (mode) => {
    const { readFd, writeFd } = createPipe();
    if (mode) setNonBlocking(readFd);
    const flags = flagsOf(readFd);
    const source = createInputSource(readFd);
    const first = readText(source);
    writeSync(writeFd, "one");
    expect(await first).toBe("one");
    expect(flagsOf(readFd)).toBe(flags);
    const end = readText(source);
    closeSync(writeFd);
    expect(await end).toBeUndefined();
    source.close();
    closeSync(readFd);
  },
);

test("a read that waits for bytes of a pipe ends when the source is closed", async () => {
  const { readFd, writeFd } = createPipe();
  const source = createInputSource(readFd);
  const waiting = source.read();
  source.close();
  expect(await waiting).toBeUndefined();
  writeSync(writeFd, "left");
  expect(restOf(readFd)).toBe("left");
  for (const fd of [readFd, writeFd]) closeSync(fd);
});

test("two sources of one pipe take each byte once, and neither blocks the other", async () => {
  const { readFd, writeFd } = createPipe();
  const sources = [createInputSource(readFd), createInputSource(readFd)];
  const taken = sources.map(async (source) => {
    let bytes = 0;
    for (let piece = await source.read(); piece !== undefined; piece = await source.read())
      bytes += piece.length;
    source.close();
    return bytes;
  });
  for (let round = 0; round < 50; round++) {
    writeSync(writeFd, "x".repeat(1000));
    await Bun.sleep(0);
  }
  closeSync(writeFd);
  const [one = 0, other = 0] = await Promise.all(taken);
  expect(one + other).toBe(50_000);
  closeSync(readFd);
});

test("after four full reads of 64 KiB, a bulk input is read in larger pieces", async () => {
  const KIB = 1024;
  await withFile("0".repeat(1024 * KIB), async (fd) => {
    const source = createInputSource(fd);
    const sizes: (number | undefined)[] = [];
    for (let read = 0; read < 6; read++) sizes.push((await source.read())?.length);
    expect(sizes).toEqual([64, 64, 64, 64, 256, 256].map((size) => size * KIB));
  });
});
