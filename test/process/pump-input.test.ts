/** The bytes from our streams to pipes: real pipes, with sources of the test. */
import { expect, test } from "bun:test";
import { closeSync, readSync } from "node:fs";
import { nextTurn } from "../../src/delay.ts";
import { collectKept } from "../../src/process/kept-resources.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { pumpInput, pumpOutput } from "../../src/process/pump.ts";
import { createCapturingSink } from "../support/captured-run.ts";

const PIECE_BYTES = 65_536;

async function* chunksOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

function readAll(fd: number): string {
  const room = Buffer.alloc(1024);
  return room.toString("latin1", 0, readSync(fd, room));
}

function fail(cause: unknown): void {
  throw new Error("the source must not fail", { cause });
}

/** Waits until a pipe has ended, by a pump of it. */
async function textOf(readFd: number): Promise<string> {
  const sink = createCapturingSink();
  await pumpOutput(readFd, sink).ended;
  return sink.text();
}

test("a source reaches the pipe chunk by chunk, and its end closes the pipe", async () => {
  const { readFd, writeFd } = createPipe();
  const pump = pumpInput(chunksOf("one", "", "two"), writeFd, fail);
  expect(await textOf(readFd)).toBe("onetwo");
  expect([pump.bytes, pump.freeze().isClosed]).toEqual([6, true]);
});

test("more bytes than a pipe holds arrive whole and in order", async () => {
  const { readFd, writeFd } = createPipe();
  const text = Array.from({ length: 60_000 }, (_, index) => String(index)).join(" ");
  const pump = pumpInput(chunksOf(text, "end"), writeFd, fail);
  expect(await textOf(readFd)).toBe(`${text}end`);
  expect(pump.bytes).toBe(text.length + 3);
});

test("a source that fails is reported, and the pipe stays open until it is closed", async () => {
  const { readFd, writeFd } = createPipe();
  const { promise: failure, resolve } = Promise.withResolvers<unknown>();
  const source = (async function* () {
    yield Buffer.from("part");
    throw new Error("the source is gone");
  })();
  const pump = pumpInput(source, writeFd, resolve);
  expect(await failure).toEqual(new Error("the source is gone"));
  expect([readAll(readFd), pump.freeze().isClosed]).toEqual(["part", false]);
  pump.close();
  expect(readAll(readFd)).toBe("");
  closeSync(readFd);
});

test("a source that fails after the close is not reported", async () => {
  const { readFd, writeFd } = createPipe();
  const next = Promise.withResolvers<IteratorResult<Uint8Array>>();
  let isReturned = false;
  const failures: unknown[] = [];
  const source: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => next.promise,
      async return() {
        isReturned = true;
        throw new Error("the other end has gone");
      },
    }),
  };
  const pump = pumpInput(source, writeFd, (cause) => failures.push(cause));
  pump.close();
  pump.close();
  expect([readAll(readFd), isReturned]).toEqual(["", true]);
  next.reject(new Error("late"));
  await nextTurn();
  expect(failures).toEqual([]);
  closeSync(readFd);
});

test("a command that closes its input ends the source without an error", async () => {
  const { readFd, writeFd } = createPipe();
  closeSync(readFd);
  const { promise: returned, resolve } = Promise.withResolvers<void>();
  const source = (async function* () {
    try {
      yield Buffer.from("a");
      yield Buffer.from("b");
    } finally {
      resolve();
    }
  })();
  const pump = pumpInput(source, writeFd, fail);
  await returned;
  expect([pump.bytes, pump.freeze().isClosed]).toEqual([0, true]);
});

test("a full pipe freezes the bytes that it has not taken, and they go first afterwards", async () => {
  const { readFd, writeFd } = createPipe();
  const text = `${"x".repeat(PIECE_BYTES)}rest`;
  const first = pumpInput(chunksOf(text), writeFd, fail);
  while (first.bytes < PIECE_BYTES) await nextTurn();
  const { value: frozen, fds } = collectKept(() => first.freeze());
  expect([fds, frozen.bytes, frozen.isClosed]).toEqual([[writeFd], PIECE_BYTES, false]);
  expect(Buffer.from(frozen.unwritten).toString()).toBe("rest");
  first.close();
  expect((await textOf(readFd)).length).toBe(PIECE_BYTES);

  const next = createPipe();
  const second = pumpInput(chunksOf("more"), next.writeFd, fail, frozen);
  expect(await textOf(next.readFd)).toBe("restmore");
  expect(second.bytes).toBe(PIECE_BYTES + 8);
  expect(collectKept(() => second.freeze()).fds).toEqual([]);
});

test("a frozen input that was closed stays closed, with its count", () => {
  const frozen = { bytes: 7, isClosed: true, unwritten: new Uint8Array(0) };
  const pump = pumpInput(chunksOf("more"), 7, fail, frozen);
  pump.close();
  expect([pump.bytes, pump.freeze()]).toEqual([7, frozen]);
});
