/** The bytes from pipes to our streams: real pipes, with sinks of the test. */
import { expect, test } from "bun:test";
import { closeSync, writeSync } from "node:fs";
import { nextTurn } from "../../src/delay.ts";
import { collectKept } from "../../src/process/kept-resources.ts";
import { pollNow, resizePipe, setNonBlocking, writeFrom } from "../../src/process/libc.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { drain, NOWHERE, pumpOutput } from "../../src/process/pump.ts";
import type { ByteSink, OutputPump } from "../../src/process/pump.ts";
import { createCapturingSink } from "../support/captured-run.ts";
import { watchOpenFiles } from "../support/open-files.ts";

const PIECE_BYTES = 65_536;
const NEVER = new Promise<never>(() => undefined);

/** A sink that takes one chunk at a time, when the test says so. */
function createSlowSink(): ByteSink & { chunks: number[]; reached: Promise<void>; release: () => void } {
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const chunks: number[] = [];
  return {
    chunks,
    reached: reached.promise,
    release: open.resolve,
    async write(bytes) {
      chunks.push(bytes.length);
      reached.resolve();
      await open.promise;
    },
  };
}

function write(fd: number, text: string): void {
  writeSync(fd, Buffer.from(text));
}

test("bytes that come late reach the sink, and the end of the pipe ends the pump", async () => {
  const listOpened = await watchOpenFiles(/^pipe:/);
  const { readFd, writeFd } = createPipe();
  const sink = createCapturingSink();
  const pump = pumpOutput(readFd, sink);
  write(writeFd, "one");
  await sink.contains("one");
  expect([pump.isEnded, pump.isGiving]).toEqual([false, false]);
  write(writeFd, "two");
  await sink.contains("onetwo");
  closeSync(writeFd);
  await pump.ended;
  expect([pump.isEnded, pump.isGiving, pump.facts()]).toEqual([true, false, { bytes: 6, truncated: false }]);
  expect(await listOpened()).toEqual([]);
});

test("an aborted pump says that there may have been more, and closes the pipe", async () => {
  const { readFd, writeFd } = createPipe();
  const pump = pumpOutput(readFd, NOWHERE);
  pump.abort();
  await pump.ended;
  expect([pump.isEnded, pump.facts()]).toEqual([true, { bytes: 0, truncated: true }]);
  // The kernel may hold the pipe for a moment, for a request that was taken back.
  while (pollNow(writeFd, 0) === 0) await nextTurn();
  expect(() => write(writeFd, "a")).toThrow("EPIPE");
  closeSync(writeFd);
});

test("an abort after the end of the pipe changes no fact", async () => {
  const { readFd, writeFd } = createPipe();
  const pump = pumpOutput(readFd, NOWHERE);
  closeSync(writeFd);
  await pump.ended;
  pump.abort();
  expect(pump.facts()).toEqual({ bytes: 0, truncated: false });
});

test("a sink that fails ends the pump, and the output counts as cut", async () => {
  const { readFd, writeFd } = createPipe();
  write(writeFd, "a");
  const pump = pumpOutput(readFd, { write: () => Promise.reject(new Error("gone")) });
  await pump.ended;
  expect([pump.isGiving, pump.facts()]).toEqual([false, { bytes: 1, truncated: true }]);
  closeSync(writeFd);
});

test("while the sink takes bytes, the pump is giving and waits for no pipe", async () => {
  const { readFd, writeFd } = createPipe();
  const sink = createSlowSink();
  write(writeFd, "abc");
  const pump = pumpOutput(readFd, sink);
  await sink.reached;
  const waitedMs = pump.waitedMs();
  expect([pump.isGiving, pump.facts().bytes]).toEqual([true, 3]);
  for (const startMs = performance.now(); performance.now() - startMs < 2;);
  expect(pump.waitedMs()).toBe(waitedMs);
  pump.abort();
  expect(pump.isGiving).toBe(false);
  sink.release();
  closeSync(writeFd);
});

test("the time of a wait counts while it lasts, and stays after it", async () => {
  const { readFd, writeFd } = createPipe();
  const sink = createCapturingSink();
  const pump = pumpOutput(readFd, sink);
  const startMs = performance.now();
  while (performance.now() - startMs < 3);
  const waitedMs = pump.waitedMs();
  expect(waitedMs).toBeGreaterThan(2.5);
  write(writeFd, "a");
  await sink.contains("a");
  const afterMs = pump.waitedMs();
  expect(afterMs).toBeGreaterThanOrEqual(waitedMs);
  expect(afterMs).toBeLessThanOrEqual(performance.now() - startMs + 1);
  pump.abort();
  closeSync(writeFd);
});

test("a pump without a descriptor has ended, and has no bytes", async () => {
  const pump = pumpOutput(undefined, NOWHERE);
  await pump.ended;
  expect([pump.isEnded, pump.isGiving, pump.waitedMs()]).toEqual([true, false, 0]);
  expect(pump.facts()).toEqual({ bytes: 0, truncated: false });
  expect(pump.freeze()).toMatchObject({ isClosed: true });
});

test("a frozen pump whose pipe was closed keeps its facts", () => {
  const frozen = { facts: { bytes: 7, truncated: true }, isClosed: true, ungiven: new Uint8Array(0) };
  const pump = pumpOutput(7, NOWHERE, frozen);
  expect([pump.isEnded, pump.facts(), pump.freeze()]).toEqual([true, frozen.facts, frozen]);
});

test("a frozen pump notes its pipe, and gives its bytes first when it goes on", async () => {
  const { readFd, writeFd } = createPipe();
  const slow = createSlowSink();
  const ungiven = Buffer.alloc(2 * PIECE_BYTES + 5, "x");
  const first = pumpOutput(readFd, slow, {
    facts: { bytes: 10, truncated: false },
    isClosed: false,
    ungiven,
  });
  await slow.reached;
  expect(slow.chunks).toEqual([PIECE_BYTES]);
  const { value: frozen, fds } = collectKept(() => first.freeze());
  expect([fds, frozen.isClosed, frozen.facts.bytes]).toEqual([[readFd], false, 10 + PIECE_BYTES]);
  expect(frozen.ungiven.length).toBe(PIECE_BYTES + 5);
  slow.release();
  write(writeFd, "y");
  closeSync(writeFd);
  await first.ended;
  expect(slow.chunks).toEqual([PIECE_BYTES, PIECE_BYTES, 5, 1]);
  expect(first.facts()).toEqual({ bytes: 10 + 2 * PIECE_BYTES + 6, truncated: false });
  expect(collectKept(() => first.freeze())).toMatchObject({ fds: [], value: { isClosed: true } });
});

test("an aborted pump gives no further piece of what it has read", async () => {
  const { readFd, writeFd } = createPipe();
  const slow = createSlowSink();
  const facts = { bytes: 0, truncated: false };
  const pump = pumpOutput(readFd, slow, { facts, isClosed: false, ungiven: Buffer.alloc(PIECE_BYTES + 1) });
  await slow.reached;
  pump.abort();
  slow.release();
  await Promise.resolve(pump.ended);
  await nextTurn();
  expect(slow.chunks).toEqual([PIECE_BYTES]);
  closeSync(writeFd);
});

/** Goes on with a pump that has carried so many bytes. The end of the pipe for its writer does not block. */
function pumpAfter(bytes: number, sink: ByteSink): { pump: OutputPump; writeFd: number } {
  const { readFd, writeFd } = createPipe();
  setNonBlocking(writeFd);
  const facts = { bytes, truncated: false };
  const frozen = { facts, isClosed: false, ungiven: new Uint8Array(0) };
  return { pump: pumpOutput(readFd, sink, frozen), writeFd };
}

const BULK_BYTES = 256 * 1024;
const MIB = 1024 * 1024;

test.each([
  [BULK_BYTES - 3, PIECE_BYTES],
  [BULK_BYTES - 2, MIB],
])("after %i bytes and two more, a pipe holds %i bytes", async (bytes, capacity) => {
  const slow = createSlowSink();
  const next = pumpAfter(bytes, slow);
  write(next.writeFd, "ab");
  await slow.reached;
  slow.release();
  await nextTurn();
  expect(writeFrom(next.writeFd, new Uint8Array(2 * MIB))).toBe(capacity);
  next.pump.abort();
  closeSync(next.writeFd);
});

test("much output that is there at once leaves turns to others, and arrives whole", async () => {
  let bytes = 0;
  let bytesAtTurn = 0;
  const sink: ByteSink = {
    async write(chunk) {
      if (bytes === 0) setImmediate(() => (bytesAtTurn = bytes));
      expect(chunk.length).toBeLessThanOrEqual(PIECE_BYTES);
      bytes += chunk.length;
    },
  };
  const { readFd, writeFd } = createPipe();
  resizePipe(writeFd, MIB);
  setNonBlocking(writeFd);
  const written = writeFrom(writeFd, new Uint8Array(MIB));
  const pump = pumpOutput(readFd, sink);
  closeSync(writeFd);
  await pump.ended;
  expect([bytes, pump.facts().bytes]).toEqual([written, written]);
  // Without a larger pipe, there is too little for a second turn.
  if (written === MIB) expect(bytesAtTurn).toBe(BULK_BYTES);
});

/** A pump of which the test says when it ends, and how long it has waited. */
function createPump(change: Partial<OutputPump> = {}): OutputPump & { isAborted: () => boolean } {
  let isAborted = false;
  return {
    ended: NEVER,
    isEnded: false,
    isGiving: false,
    facts: () => ({ bytes: 0, truncated: isAborted }),
    waitedMs: () => 0,
    abort: () => (isAborted = true),
    freeze: () => ({ facts: { bytes: 0, truncated: false }, isClosed: false, ungiven: new Uint8Array(0) }),
    ...change,
    isAborted: () => isAborted,
  };
}

test.each([true, false])(
  "a drain aborts a pump at once when it must end (countsSink %p)",
  async (countsSink) => {
    const pump = createPump();
    expect(await drain([pump], { drainMs: 600_000, countsSink, until: Promise.resolve() })).toBe(true);
    expect(pump.isAborted()).toBe(true);
  },
);

test("a drain leaves a pump alone that has ended", async () => {
  const pump = createPump({ isEnded: true, isGiving: true });
  expect(await drain([pump], { drainMs: 0, countsSink: true, until: NEVER })).toBe(true);
  expect(pump.isAborted()).toBe(false);
});

test("a drain of no pump has lost nothing", async () => {
  expect(await drain([], { drainMs: 0, countsSink: false, until: NEVER })).toBe(true);
});

test.each([true, false])(
  "a drain says that one of two sinks has bytes left (countsSink %p)",
  async (countsSink) => {
    const pumps = [createPump(), createPump({ isGiving: true })];
    expect(await drain(pumps, { drainMs: 0, countsSink, until: NEVER })).toBe(false);
    expect(pumps.map((pump) => pump.isAborted())).toEqual([true, true]);
  },
);

test("a drain that counts the time of the pipe waits for a slow sink", async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let looks = 0;
  const pump = createPump({
    ended,
    waitedMs: () => {
      // The sink has taken all the time so far.
      if (++looks === 4) end();
      return 5;
    },
  });
  expect(await drain([pump], { drainMs: 1, countsSink: false, until: NEVER })).toBe(true);
  expect(looks).toBeGreaterThanOrEqual(4);
});

test("a drain ends once the pipe alone has taken the time", async () => {
  let waitedMs = 0;
  let looks = 0;
  const pump = createPump({
    waitedMs: () => {
      looks++;
      const now = waitedMs;
      waitedMs += 10;
      return now;
    },
  });
  expect(await drain([pump], { drainMs: 10, countsSink: false, until: NEVER })).toBe(true);
  // The first look gives the start. The second one finds that all the time has passed.
  expect([pump.isAborted(), looks]).toEqual([true, 2]);
});
