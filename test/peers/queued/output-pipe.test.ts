/** A stream of output that this side writes: order, back pressure, and its three ends. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createOutputPipe } from "../../../src/peers/queued/output-pipe.ts";
import { collect } from "../../support/collect.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { waitTurns } from "../../support/event-loop.ts";

const ROOM = DEFAULT_LIMITS.firstCreditBytes;
const FAILURE = new NegotiatorError("CLOSED", "gone");

/** Whether a promise has settled after some turns. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  void promise.catch(() => undefined).then(() => (isSettled = true));
  await waitTurns(3);
  return isSettled;
}

test("bytes are copied, counted, and read in their order to the end", async () => {
  const pipe = createOutputPipe();
  const piece = Buffer.from("one ");
  await pipe.write(piece);
  piece.fill("x");
  await pipe.write(Buffer.from("two"));
  expect(pipe.reader).toMatchObject({ bytes: 7, isTruncated: false, missedBytes: 0 });
  pipe.end();
  expect((await collect(pipe.reader)).toString()).toBe("one two");
  await pipe.write(Buffer.from("late"));
  expect(pipe.reader.bytes).toBe(7);
});

test("a reader that waits gets the bytes that come, and then the end", async () => {
  const pipe = createOutputPipe();
  const reading = collect(pipe.reader);
  expect(await hasSettled(reading)).toBe(false);
  await pipe.write(Buffer.from("late"));
  expect(await hasSettled(reading)).toBe(false);
  pipe.end();
  expect((await reading).toString()).toBe("late");
});

describe("a reader that is behind", () => {
  test("holds no write up to the room, and one byte more until it reads", async () => {
    const pipe = createOutputPipe();
    await pipe.write(new Uint8Array(ROOM));
    const over = pipe.write(new Uint8Array(1));
    expect(await hasSettled(over)).toBe(false);
    const reading = pipe.reader[Symbol.asyncIterator]();
    expect((await reading.next()).value?.length).toBe(ROOM);
    await over;
    // The bytes that were read count no longer.
    await pipe.write(new Uint8Array(ROOM - 1));
  });

  test("that wants no more lets the write go on, drops what waits, and takes no more", async () => {
    const pipe = createOutputPipe();
    const over = pipe.write(new Uint8Array(ROOM + 1));
    expect(await hasSettled(over)).toBe(false);
    pipe.reader.cancel();
    await over;
    await pipe.write(new Uint8Array(5));
    expect(pipe.reader.bytes).toBe(ROOM + 1);
    expect((await collect(pipe.reader)).length).toBe(0);
    pipe.fail(FAILURE);
    await pipe.write(new Uint8Array(5));
  });
});

describe("a pipe that fails", () => {
  test("gives its bytes first, and refuses further ones", async () => {
    const pipe = createOutputPipe();
    await pipe.write(Buffer.from("first"));
    pipe.fail(FAILURE);
    expect(await rejectionOf(pipe.write(Buffer.from("x")))).toBe(FAILURE);
    const reading = pipe.reader[Symbol.asyncIterator]();
    expect(Buffer.from((await reading.next()).value ?? []).toString()).toBe("first");
    expect(await rejectionOf(reading.next())).toBe(FAILURE);
  });

  test("makes a waiting write and a waiting reader reject", async () => {
    const [full, empty] = [createOutputPipe(), createOutputPipe()];
    const waiting = [full.write(new Uint8Array(ROOM + 1)), collect(empty.reader)].map(rejectionOf);
    full.fail(FAILURE);
    empty.fail(FAILURE);
    expect(await Promise.all(waiting)).toEqual([FAILURE, FAILURE]);
  });

  test("after its end stays complete", async () => {
    const pipe = createOutputPipe();
    await pipe.write(Buffer.from("whole"));
    pipe.end();
    pipe.fail(FAILURE);
    expect((await collect(pipe.reader)).toString()).toBe("whole");
  });
});

test("a cancel after the end drops what waits, and the pipe stays ended", async () => {
  const pipe = createOutputPipe();
  await pipe.write(Buffer.from("whole"));
  pipe.end();
  pipe.reader.cancel();
  expect((await collect(pipe.reader)).length).toBe(0);
});
