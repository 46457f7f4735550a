/** A stream reader whose waiting bytes count as memory, that is left early, or that is frozen. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createMemory } from "../../../src/wire/memory.ts";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { createReader } from "../../../src/wire/calls/stream-reader.ts";
import type { FrozenReader } from "../../../src/wire/calls/stream-reader.ts";
import { collect } from "../../support/collect.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { waitTurns } from "../../support/event-loop.ts";

/** A reader with a window of 100 bytes, and memory for `memoryBytes`. */
function createScene({ memoryBytes = 1000, frozen }: { memoryBytes?: number; frozen?: FrozenReader } = {}) {
  const memory = createMemory(memoryBytes);
  const events: string[] = [];
  const end = createReader({
    frozen,
    window: { firstBytes: 100, mostBytes: 100, pool: createCreditPool(0), memory: memory.open() },
    onStart: () => events.push("start"),
    onCredit: () => events.push("credit"),
    onCancel: () => events.push("cancel"),
    onGaveWay: ({ code }) => events.push(`gave way: ${code}`),
    onDone: () => events.push("done"),
  });
  return { end, events, memory };
}

function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

describe("the memory of waiting bytes", () => {
  test("grows with each chunk, shrinks as they are read, and is free at the end", async () => {
    const { end, memory } = createScene();
    end.receive(0, text("abc"));
    end.receive(3, text("de"));
    expect(memory.bytes).toBe(5);
    const pieces = end.reader[Symbol.asyncIterator]();
    await pieces.next();
    expect(memory.bytes).toBe(0);
    end.receive(5, text("fgh"));
    expect(memory.bytes).toBe(3);
    end.reader.cancel();
    expect(memory.bytes).toBe(0);
  });

  test("is free after a failure and after a release, and the bytes can still be read", async () => {
    const [failed, released] = [createScene(), createScene()];
    for (const { end } of [failed, released]) end.receive(0, text("abc"));
    failed.end.fail(new NegotiatorError("CLOSED", "gone"));
    released.end.release();
    expect([failed.memory.bytes, released.memory.bytes]).toEqual([0, 0]);
    const piece = await failed.end.reader[Symbol.asyncIterator]().next();
    expect(piece.value).toEqual(text("abc"));
    released.end.end({ bytes: 3 });
    expect((await collect(released.end.reader)).toString()).toBe("abc");
    expect(released.memory.bytes).toBe(0);
  });

  test("gives way when there is not enough: the stream fails with BUSY and its bytes are gone", async () => {
    const { end, events, memory } = createScene({ memoryBytes: 4 });
    end.receive(0, text("abcd"));
    expect(events).toEqual([]);
    end.receive(4, text("e"));
    expect(events).toEqual(["gave way: BUSY", "done"]);
    expect([memory.bytes, end.isDone]).toEqual([0, true]);
    expect((await rejectionOf(collect(end.reader))).code).toBe("BUSY");
  });
});

describe("the iteration", () => {
  test("starts the stream once, at the first step, and not after its end", async () => {
    const { end, events } = createScene();
    expect([end.isStarted, events]).toEqual([false, []]);
    const pieces = end.reader[Symbol.asyncIterator]();
    end.receive(0, text("a"));
    await pieces.next();
    void pieces.next();
    expect([end.isStarted, events]).toEqual([true, ["start"]]);
    const over = createScene();
    over.end.end({ bytes: 0 });
    expect((await collect(over.end.reader)).length).toBe(0);
    expect(over.events).toEqual(["done"]);
  });

  test("that is left wakes a step that waits, and has no further one", async () => {
    const { end, events } = createScene();
    const pieces = end.reader[Symbol.asyncIterator]();
    const waiting = pieces.next();
    await waitTurns(1);
    expect(end.isAwaited).toBe(true);
    expect(await pieces.return?.()).toEqual({ done: true, value: undefined });
    expect((await waiting).done).toBe(true);
    end.receive(0, text("abc"));
    expect((await pieces.next()).done).toBe(true);
    expect(events).toEqual(["start"]);
  });

  test("is awaited only while it waits, and not after the end", async () => {
    const { end } = createScene();
    expect(end.isAwaited).toBe(false);
    const reading = collect(end.reader);
    await waitTurns(1);
    expect(end.isAwaited).toBe(true);
    end.end({ bytes: 0 });
    expect(end.isAwaited).toBe(false);
    await reading;
  });
});

describe("a frozen reader", () => {
  test("goes on with its bytes, its offset and its memory, and does not start twice", async () => {
    const before = createScene();
    before.end.receive(0, text("abc"));
    await before.end.reader[Symbol.asyncIterator]().next();
    before.end.receive(3, text("def"));
    const frozen = before.end.freeze();
    expect(frozen).toMatchObject({ isStarted: true, isCancelled: false });
    expect(Buffer.from(frozen.queued ?? []).toString()).toBe("def");
    const { end, events, memory } = createScene({ frozen });
    expect([end.offset, end.isStarted, end.isDone, memory.bytes]).toEqual([6, true, false, 3]);
    expect(end.end({ bytes: 6 })).toBeUndefined();
    expect((await collect(end.reader)).toString()).toBe("def");
    expect(events).toEqual(["done"]);
  });

  test("without waiting bytes, or that was cancelled, has no bytes in its data", () => {
    const { end } = createScene();
    expect(end.freeze()).not.toHaveProperty("queued");
    expect(end.freeze()).not.toHaveProperty("failure");
    end.receive(0, text("abc"));
    end.reader.cancel();
    const frozen = end.freeze();
    expect([frozen.isCancelled, frozen.queued]).toEqual([true, undefined]);
    const next = createScene({ frozen });
    expect([next.end.isDone, next.end.receive(3, text("x")), next.events]).toEqual([true, undefined, []]);
  });

  test("that has failed throws its error after its bytes, and is not done twice", async () => {
    const before = createScene();
    before.end.receive(0, text("abc"));
    before.end.fail(new NegotiatorError("TIMEOUT", "too late"));
    const { end, events } = createScene({ frozen: before.end.freeze() });
    expect(end.isDone).toBe(true);
    const pieces = end.reader[Symbol.asyncIterator]();
    expect((await pieces.next()).value).toEqual(text("abc"));
    expect(await rejectionOf(pieces.next())).toMatchObject({ code: "TIMEOUT" });
    end.fail(new NegotiatorError("CLOSED", "gone"));
    expect(events).toEqual([]);
  });
});
