/** The lines of a guest agent. */
import { expect, test } from "bun:test";
import { createLineReader } from "../../../src/peers/qga/line-reader.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import type { Channel } from "../../../src/wire/channel.ts";

const LONGEST = 1024 * 1024;

/** Returns a reader of a channel that carries these pieces and ends. */
function readerOf(...pieces: (string | Uint8Array)[]) {
  const [channel] = createMemoryPair({ labels: ["web1", "far"] }).ends;
  const source: Channel = {
    ...channel,
    async *[Symbol.asyncIterator]() {
      for (const piece of pieces) yield typeof piece === "string" ? Buffer.from(piece, "latin1") : piece;
    },
  };
  return createLineReader(source);
}

async function textOf(line: Promise<Uint8Array>): Promise<string> {
  return Buffer.from(await line).toString("latin1");
}

test("lines are found in one piece and over three pieces, and the rest is kept", async () => {
  const reader = readerOf("a\n\nb", "c", "d\ne\n");
  expect(await textOf(reader.next())).toBe("a");
  expect(await textOf(reader.next())).toBe("");
  expect(await textOf(reader.next())).toBe("bcd");
  expect(await textOf(reader.next())).toBe("e");
});

test.each([
  ["ends", ["begun"]],
  ["says that the far end has left", ["begun", "", "rest\n"]],
])("a channel that %s in a line rejects with CLOSED", async (_, pieces) => {
  expect(await rejectionOf(readerOf(...pieces).next())).toMatchObject({
    code: "CLOSED",
    message: 'The channel "web1" ended before the guest agent\'s answer',
  });
});

test("a line of a mebibyte is read, and one byte more is TOO_LARGE, with or without its end", async () => {
  const long = new Uint8Array(LONGEST).fill(0x61);
  expect((await readerOf(long, "\n").next()).length).toBe(LONGEST);
  for (const rest of ["a", "a\n"])
    expect((await rejectionOf(readerOf(long, rest).next())).code).toBe("TOO_LARGE");
});

test("nextAfterReset skips lines without the byte 0xFF, and takes what follows its last one", async () => {
  const reader = readerOf("old\nbegun\xff\xffnew\n\xffnext\n");
  expect(await textOf(reader.nextAfterReset())).toBe("new");
  expect(await textOf(reader.nextAfterReset())).toBe("next");
});

test("a reset after 1023 other lines is found, and after 1024 it is BAD_FRAME", async () => {
  expect(await textOf(readerOf(`${"x\n".repeat(1023)}\xffa\n`).nextAfterReset())).toBe("a");
  const late = readerOf(`${"x\n".repeat(1024)}\xffa\n`);
  expect((await rejectionOf(late.nextAfterReset())).code).toBe("BAD_FRAME");
});
