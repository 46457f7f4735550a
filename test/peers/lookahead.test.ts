/** A channel is read one piece ahead, so that the leave of a client is noticed while its work goes on. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { withLookahead } from "../../src/peers/lookahead.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { rejectionOf } from "../support/error-of.ts";

/** Returns a channel that yields the pieces, then fails if it should. */
function channelOf(pieces: readonly string[], failure?: Error): Channel & { readonly taken: number } {
  let taken = 0;
  return {
    label: "test",
    get taken() {
      return taken;
    },
    async write() {},
    async close() {},
    async *[Symbol.asyncIterator]() {
      for (const piece of pieces) {
        taken++;
        yield Buffer.from(piece);
      }
      if (failure !== undefined) throw failure;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

test("all pieces with bytes come in their order", async () => {
  const seen: string[] = [];
  for await (const piece of withLookahead(channelOf(["a", "", "b", "c"]), () => {}))
    seen.push(Buffer.from(piece).toString());
  expect(seen).toEqual(["a", "b", "c"]);
});

test("an empty piece says once that the client has left, while the piece before it is used", async () => {
  let left = 0;
  const seen: [string, number][] = [];
  for await (const piece of withLookahead(channelOf(["a", "", "b"]), () => left++)) {
    await Bun.sleep(0);
    seen.push([Buffer.from(piece).toString(), left]);
  }
  expect(seen).toEqual([
    ["a", 1],
    ["b", 1],
  ]);
});

test("one piece is read ahead, and no more", async () => {
  const channel = channelOf(["a", "b", "c"]);
  const pieces = withLookahead(channel, () => {});
  await pieces.next();
  await Bun.sleep(0);
  expect(channel.taken).toBe(2);
  await pieces.return();
});

test("a failure of the channel comes after the piece before it, and is handled meanwhile", async () => {
  const pieces = withLookahead(channelOf(["a"], new NegotiatorError("CLOSED", "torn off")), () => {});
  expect((await pieces.next()).value).toEqual(Buffer.from("a"));
  await Bun.sleep(0);
  expect(await rejectionOf(pieces.next())).toMatchObject({ code: "CLOSED", message: "torn off" });
});
