/** A stream reader gives out every byte once, counts credit to the byte, and rejects invalid chunks. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { createReader } from "../../../src/wire/calls/stream-reader.ts";
import type { ReaderEnd } from "../../../src/wire/calls/stream-reader.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { settle } from "../session/scripted-peer.ts";

const WINDOW = 100;
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

type Watched = ReaderEnd & { events: string[] };

function watch(windowBytes = WINDOW): Watched {
  const events: string[] = [];
  const end = createReader({
    window: { firstBytes: windowBytes, mostBytes: windowBytes, pool: createCreditPool(0) },
    onCredit: () => events.push("credit"),
    onCancel: () => events.push("cancel"),
    onDone: () => events.push("done"),
  });
  return Object.assign(end, { events });
}

async function readAll(end: ReaderEnd): Promise<number> {
  let length = 0;
  for await (const piece of end.reader) length += piece.length;
  return length;
}

describe("credit", () => {
  test("a reader takes bytes up to its credit and rejects one byte more", () => {
    const end = watch();
    expect(end.receive(0, bytes(60))).toBeUndefined();
    expect(end.receive(60, bytes(41))?.code).toBe("BAD_FRAME");
    expect(end.reader.bytes).toBe(60);
    expect(end.receive(60, bytes(40))).toBeUndefined();
    expect(end.receive(100, bytes(1))?.code).toBe("BAD_FRAME");
    expect(end.receive(100, bytes(0))?.code).toBe("BAD_FRAME");
  });

  test("a reader gives credit when half of its window was read, and not before", async () => {
    const end = watch(20_000);
    for (let offset = 0; offset < 20_000; offset += 2000) end.receive(offset, bytes(2000));
    const pieces = end.reader[Symbol.asyncIterator]();
    for (let read = 1; read <= 4; read++) await pieces.next();
    expect([end.limit, end.events]).toEqual([20_000, []]);
    await pieces.next();
    expect([end.limit, end.events]).toEqual([30_000, ["credit"]]);
    expect(end.receive(20_000, bytes(10_001))?.code).toBe("BAD_FRAME");
    expect(end.receive(20_000, bytes(10_000))).toBeUndefined();
  });

  test("a reader gives no credit for bytes that were not read", async () => {
    const end = watch();
    end.receive(0, bytes(100));
    await settle();
    expect([end.limit, end.events]).toEqual([100, []]);
  });

  test("a reader gives no credit after the whole stream was received", async () => {
    const end = watch();
    end.receive(0, bytes(100));
    end.announce({ bytes: 100 });
    expect(await readAll(end)).toBe(100);
    expect(end.events).toEqual(["done"]);
  });
});

describe("invalid messages", () => {
  test("a chunk with an offset other than the next one is rejected", () => {
    const end = watch();
    end.receive(0, bytes(10));
    expect([0, 9, 11].map((offset) => end.receive(offset, bytes(1))?.code)).toEqual([
      "BAD_FRAME",
      "BAD_FRAME",
      "BAD_FRAME",
    ]);
    expect(end.receive(10, bytes(1))).toBeUndefined();
  });

  test("an empty chunk is rejected", () => {
    expect(watch().receive(0, bytes(0))?.code).toBe("BAD_FRAME");
  });

  test("an announced total may lie ahead and be repeated, and another one is rejected", () => {
    const end = watch();
    end.receive(0, bytes(10));
    expect(end.announce({ bytes: 9 })?.code).toBe("BAD_FRAME");
    expect(end.announce({ bytes: 12 })).toBeUndefined();
    expect(end.announce({ bytes: 12 })).toBeUndefined();
    expect(end.announce({ bytes: 13 })?.code).toBe("BAD_FRAME");
    expect(end.receive(10, bytes(3))?.code).toBe("BAD_FRAME");
    expect(end.isDone).toBe(false);
    expect(end.receive(10, bytes(2))).toBeUndefined();
    expect([end.isDone, end.events]).toEqual([true, ["done"]]);
  });

  test("an end with more or fewer bytes than came is rejected", () => {
    for (const total of [9, 11]) {
      const end = watch();
      end.receive(0, bytes(10));
      expect(end.end({ bytes: total })?.code).toBe("BAD_FRAME");
      expect(end.isDone).toBe(false);
    }
  });

  test("an end with another total than the announced one is rejected", () => {
    const end = watch();
    end.receive(0, bytes(10));
    end.announce({ bytes: 12 });
    expect(end.end({ bytes: 10 })?.code).toBe("BAD_FRAME");
  });

  test("a second end and a chunk after the end are rejected", () => {
    const end = watch();
    end.receive(0, bytes(10));
    expect(end.end({ bytes: 10 })).toBeUndefined();
    expect(end.end({ bytes: 10 })?.code).toBe("BAD_FRAME");
    expect(end.receive(10, bytes(1))?.code).toBe("BAD_FRAME");
    expect([end.isDone, end.events]).toEqual([true, ["done"]]);
  });
});

describe("the iteration", () => {
  test("an iteration yields bytes from before and after its start, and ends with the stream", async () => {
    const end = watch();
    end.receive(0, bytes(10));
    const length = readAll(end);
    await settle();
    end.receive(10, bytes(20));
    await settle();
    end.announce({ bytes: 30, truncated: true });
    expect(await length).toBe(30);
    expect(end.reader.isTruncated).toBe(true);
  });

  test("the iteration of an empty stream yields nothing", async () => {
    const end = watch();
    end.announce({ bytes: 0 });
    expect(await readAll(end)).toBe(0);
    expect(end.reader.isTruncated).toBe(false);
  });

  test("after a failure the iteration yields the received bytes and then throws the error", async () => {
    const end = watch();
    end.receive(0, bytes(10));
    const pieces = end.reader[Symbol.asyncIterator]();
    end.fail(new NegotiatorError("UNKNOWN_OUTCOME", "gone"));
    expect(await pieces.next()).toEqual({ done: false, value: bytes(10) });
    expect((await rejectionOf(pieces.next())).code).toBe("UNKNOWN_OUTCOME");
    expect(end.events).toEqual(["done"]);
  });

  test("a failure after the end of the stream does not make the iteration throw", async () => {
    const end = watch();
    end.receive(0, bytes(10));
    end.announce({ bytes: 10 });
    end.fail(new NegotiatorError("CLOSED", "gone"));
    expect(await readAll(end)).toBe(10);
  });
});

describe("a cancel", () => {
  test("cancel discards queued bytes, sends one stop, and ignores later messages", async () => {
    const end = watch();
    end.receive(0, bytes(10));
    end.reader.cancel();
    end.reader.cancel();
    expect(end.events).toEqual(["cancel", "done"]);
    expect(await readAll(end)).toBe(0);
    expect(end.receive(10, bytes(1000))).toBeUndefined();
    expect(end.announce({ bytes: 3 })).toBeUndefined();
    expect(end.events).toEqual(["cancel", "done"]);
  });

  test("cancel ends a waiting iteration", async () => {
    const end = watch();
    const length = readAll(end);
    await settle();
    end.reader.cancel();
    expect(await length).toBe(0);
  });

  test("a cancel of a stream that has failed does not make it look complete", async () => {
    const end = watch();
    end.receive(0, bytes(10));
    end.fail(new NegotiatorError("CLOSED", "gone"));
    end.reader.cancel();
    expect((await rejectionOf(readAll(end))).message).toBe("gone");
  });

  test("cancel after the end of the stream sends no stop", async () => {
    const end = watch();
    end.receive(0, bytes(10));
    end.announce({ bytes: 10 });
    end.reader.cancel();
    expect(end.events).toEqual(["done"]);
    expect(await readAll(end)).toBe(0);
  });
});

describe("a beginning at an offset", () => {
  test("a beginning at an offset counts the skipped bytes as missed and gives a whole window", async () => {
    const end = watch();
    expect(end.begin(40)).toBeUndefined();
    expect([end.reader.missedBytes, end.reader.bytes, end.limit]).toEqual([40, 0, 140]);
    expect(end.receive(0, bytes(1))?.code).toBe("BAD_FRAME");
    expect(end.receive(40, bytes(100))).toBeUndefined();
    end.announce({ bytes: 140 });
    expect(await readAll(end)).toBe(100);
    expect(end.reader.bytes).toBe(100);
  });

  test("a beginning at an offset to offset 0 changes nothing", () => {
    const end = watch();
    expect(end.begin(0)).toBeUndefined();
    expect([end.reader.missedBytes, end.limit]).toEqual([0, 100]);
  });

  test("a beginning at an offset after the first byte is rejected and changes nothing", async () => {
    const end = watch();
    end.receive(0, bytes(50));
    await end.reader[Symbol.asyncIterator]().next();
    for (const offset of [200, 50, 10, 0]) expect(end.begin(offset)?.code).toBe("BAD_FRAME");
    expect([end.reader.missedBytes, end.reader.bytes, end.limit]).toEqual([0, 50, 150]);
    expect(end.receive(50, bytes(100))).toBeUndefined();
  });

  test("a second beginning is rejected", () => {
    const end = watch();
    end.begin(40);
    expect(end.begin(50)?.code).toBe("BAD_FRAME");
    expect([end.reader.missedBytes, end.limit]).toEqual([40, 140]);
  });

  test("a beginning at an offset to the end of the stream ends it without bytes", async () => {
    const end = watch();
    end.begin(40);
    end.announce({ bytes: 40 });
    expect(await readAll(end)).toBe(0);
    expect(end.reader.missedBytes).toBe(40);
  });

  test("repeated beginnings give no credit for bytes that were not read", () => {
    const end = watch();
    let queuedBytes = 0;
    for (let round = 1; round <= 50; round++) {
      const offset = end.reader.bytes + end.reader.missedBytes;
      if (end.receive(offset, bytes(WINDOW)) === undefined) queuedBytes += WINDOW;
      end.begin(offset + WINDOW + 1);
    }
    expect(queuedBytes).toBeLessThanOrEqual(2 * WINDOW);
  });

  test("a beginning at an offset beyond the end is rejected and the stream still ends", () => {
    const end = watch();
    end.announce({ bytes: 10 });
    expect(end.begin(20)?.code).toBe("BAD_FRAME");
    expect(end.receive(0, bytes(10))).toBeUndefined();
    expect(end.isDone).toBe(true);
  });
});
