/** A stream writer never exceeds its credit, sends every byte once, and sends one end. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createWriter } from "../../../src/wire/calls/stream-writer.ts";
import type { WriterEnd } from "../../../src/wire/calls/stream-writer.ts";
import { rejectionOf } from "../../support/error-of.ts";

const CHUNK = 64 * 1024;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function open(creditBytes: number): WriterEnd & { readies: number[]; dones: number[] } {
  const readies: number[] = [];
  const dones: number[] = [];
  const end = createWriter({
    creditBytes,
    onReady: () => readies.push(readies.length),
    onDone: () => dones.push(dones.length),
  });
  return Object.assign(end, { readies, dones });
}

/** Returns the offset and length of each chunk that can be sent. */
function pullAll(end: WriterEnd): [offset: number, length: number][] {
  const pulled: [number, number][] = [];
  for (let chunk = end.pull(); chunk !== undefined; chunk = end.pull())
    pulled.push([chunk.offset, chunk.bytes.length]);
  return pulled;
}

describe("credit", () => {
  test("a writer sends exactly as many bytes as its credit allows", async () => {
    const end = open(10);
    const written = end.writer.write(new Uint8Array(25));
    expect(pullAll(end)).toEqual([[0, 10]]);
    end.credit(11);
    expect(pullAll(end)).toEqual([[10, 1]]);
    end.credit(11);
    end.credit(5);
    expect(pullAll(end)).toEqual([]);
    end.credit(1000);
    expect(pullAll(end)).toEqual([[11, 14]]);
    await written;
  });

  test("a writer reports that it is ready when its credit grows, and not otherwise", () => {
    const end = open(10);
    end.credit(10);
    end.credit(9);
    expect(end.readies).toEqual([]);
    end.credit(11);
    expect(end.readies).toEqual([0]);
  });

  test("the credit of a new reader counts from the bytes that were sent", () => {
    const end = open(10);
    void end.writer.write(new Uint8Array(100));
    pullAll(end);
    end.rebase(5);
    expect(pullAll(end)).toEqual([[10, 5]]);
    expect(end.offset).toBe(15);
  });
});

describe("chunks", () => {
  test("a chunk has at most 64 KiB and never joins two writes", () => {
    const end = open(1e6);
    void end.writer.write(new Uint8Array(CHUNK + 1));
    void end.writer.write(new Uint8Array(3));
    expect(pullAll(end)).toEqual([
      [0, CHUNK],
      [CHUNK, 1],
      [CHUNK + 1, 3],
    ]);
  });

  test.each([
    ["é", 2],
    ["☃", 3],
    ["😀", 4],
  ])("a chunk does not split the character %s of %i bytes", (character, width) => {
    for (let before = 0; before < width; before++) {
      const text = "x".repeat(before) + character.repeat(Math.ceil(CHUNK / width) + 5);
      const end = open(1e6);
      void end.writer.write(encode(text));
      const strict = new TextDecoder("utf-8", { fatal: true });
      let joined = "";
      for (let chunk = end.pull(); chunk !== undefined; chunk = end.pull())
        joined += strict.decode(chunk.bytes);
      expect(joined).toBe(text);
    }
  });

  test("a chunk that is not text is cut at the credit limit", () => {
    const end = open(10);
    void end.writer.write(new Uint8Array(20).fill(0x80));
    expect(pullAll(end)).toEqual([[0, 10]]);
  });

  test("a chunk is sent even if the credit is smaller than a character", () => {
    const end = open(1);
    void end.writer.write(encode("😀"));
    expect(pullAll(end)).toEqual([[0, 1]]);
    end.credit(3);
    expect(pullAll(end)).toEqual([[1, 2]]);
  });
});

describe("a write", () => {
  test("a write resolves when its last byte was sent", async () => {
    const end = open(10);
    let isDone = false;
    const written = end.writer.write(new Uint8Array(11)).then(() => (isDone = true));
    pullAll(end);
    await Promise.resolve();
    expect(isDone).toBe(false);
    end.credit(11);
    pullAll(end);
    await written;
    expect(isDone).toBe(true);
  });

  test("a write of no bytes resolves at once", async () => {
    const end = open(0);
    await end.writer.write(new Uint8Array(0));
    expect(end.readies).toEqual([]);
  });

  test("a write after the end rejects with CLOSED", async () => {
    const end = open(10);
    end.writer.end();
    expect((await rejectionOf(end.writer.write(encode("a")))).code).toBe("CLOSED");
  });
});

describe("the end", () => {
  test("the end is sent once, after the last byte", async () => {
    const end = open(3);
    const written = end.writer.write(encode("abcd"));
    end.writer.end({ truncated: true });
    end.writer.end();
    expect(end.total).toEqual({ bytes: 4, truncated: true });
    pullAll(end);
    expect([end.pullEnd(), end.isDone]).toEqual([false, false]);
    end.credit(4);
    pullAll(end);
    await written;
    expect(end.dones).toEqual([]);
    expect([end.pullEnd(), end.isDone, end.pullEnd()]).toEqual([true, true, false]);
    expect(end.dones).toEqual([0]);
    expect(end.total).toEqual({ bytes: 4, truncated: true });
  });

  test("an open stream sends no end", () => {
    const end = open(3);
    expect([end.pullEnd(), end.isDone]).toEqual([false, false]);
  });
});

describe("a stop", () => {
  test("a stop rejects waiting and later writes with CLOSED", async () => {
    const end = open(1);
    const first = rejectionOf(end.writer.write(encode("abc")));
    const second = rejectionOf(end.writer.write(encode("d")));
    pullAll(end);
    end.stop();
    expect([(await first).code, (await second).code]).toEqual(["CLOSED", "CLOSED"]);
    expect((await rejectionOf(end.writer.write(encode("e")))).code).toBe("CLOSED");
    expect([end.isDone, end.dones]).toEqual([true, [0]]);
    end.stop();
    expect(end.dones).toEqual([0]);
    end.credit(1000);
    expect(pullAll(end)).toEqual([]);
    end.writer.end();
    expect(end.pullEnd()).toBe(false);
  });

  test("after a stop the total is the number of bytes that were sent", async () => {
    const end = open(3);
    const written = rejectionOf(end.writer.write(encode("abcde")));
    pullAll(end);
    end.stop();
    end.writer.end();
    await written;
    expect([end.total, end.offset]).toEqual([{ bytes: 3 }, 3]);
  });

  test("writes after a failure and a stop reject with the failure", async () => {
    const end = open(0);
    const written = rejectionOf(end.writer.write(encode("a")));
    end.fail(new NegotiatorError("UNKNOWN_OUTCOME", "gone"));
    end.stop();
    expect((await written).code).toBe("UNKNOWN_OUTCOME");
    expect((await rejectionOf(end.writer.write(encode("a")))).code).toBe("UNKNOWN_OUTCOME");
  });
});
