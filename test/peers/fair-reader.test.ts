/** The cost of received bytes in the quota of their peer. */
import { expect, spyOn, test } from "bun:test";
import { createShare, receiveFairly } from "../../src/peers/fair-reader.ts";
import { createLongWork } from "../../src/peers/long-work.ts";
import type { Unneeded } from "../../src/peers/unneeded-quota.ts";
import { createTurns } from "../../src/peers/turns.ts";
import { createTraffic } from "../../src/wire/session/traffic.ts";

/** A session that takes two messages from each piece. One of them has 100 bytes, and needs no answer. */
function createSession() {
  const traffic = createTraffic();
  return {
    traffic,
    receive() {
      traffic.messages += 2;
      traffic.unneeded += 1;
      traffic.unneededBytes += 100;
    },
  };
}

test("each piece costs the peer the messages and bytes of that piece that need no answer", async () => {
  const taken: Pick<Unneeded, "messages" | "bytes">[] = [];
  const quota = {
    ...createShare().quota,
    take({ messages = 0, bytes = 0 }: Partial<Unneeded>): number {
      taken.push({ messages, bytes });
      return 0;
    },
  };
  const share = { ...createShare(), quota };
  const session = createSession();
  const { signal } = new AbortController();
  for (let piece = 0; piece < 3; piece++) await receiveFairly(session, new Uint8Array(200), share, signal);
  expect(taken).toEqual(Array.from({ length: 3 }, () => ({ messages: 1, bytes: 100 })));
});

const PIECE_BYTES = 32 * 1024;

/** Receives a message of so many bytes in pieces, by a clock on which each look takes a millisecond. */
async function receiveUnneeded(messageBytes: number): Promise<{ pieces: number; ms: number }> {
  let nowMs = 0;
  using _ = spyOn(performance, "now").mockImplementation(() => nowMs++);
  const charged = { pieces: 0, ms: 0 };
  const quota = {
    ...createShare().quota,
    take({ ms = 0 }: Partial<Unneeded>): number {
      charged.ms += ms;
      return 0;
    },
  };
  // By this clock a turn takes very long, which must not use up the round of all other tests.
  const own = { turns: createTurns().open(), longWork: createLongWork() };
  const share = { ...createShare(), quota, ...own };
  const traffic = createTraffic();
  let received = 0;
  const session = {
    traffic,
    receive(piece: Uint8Array) {
      charged.pieces++;
      received += piece.length;
      if (received < messageBytes) return;
      traffic.messages++;
      traffic.unneeded++;
      traffic.unneededBytes += messageBytes;
    },
  };
  const { signal } = new AbortController();
  for (let sent = 0; sent < messageBytes; sent += PIECE_BYTES)
    await receiveFairly(session, new Uint8Array(PIECE_BYTES), share, signal);
  return charged;
}

test("a long message that needs no answer costs its peer the time of all its pieces", async () => {
  const { pieces, ms } = await receiveUnneeded(1024 * 1024);
  expect(pieces).toBe(32);
  expect(ms).toBeGreaterThanOrEqual(pieces);
});

test("a message as short as a stream chunk costs its peer the time of its last piece", async () => {
  // A cut sends chunks again, and that must not hold up the channel that follows.
  const { pieces, ms } = await receiveUnneeded(96 * 1024);
  expect(pieces).toBe(3);
  expect(ms).toBeLessThan(pieces);
});

test("the bytes of a peer that has gone are not received", async () => {
  const session = createSession();
  await receiveFairly(session, new Uint8Array(200), createShare(), AbortSignal.abort());
  expect(session.traffic.messages).toBe(0);
});

test("no byte of a peer is received in a pause of its quota", async () => {
  const order: string[] = [];
  const quota = {
    ...createShare().quota,
    pauseMs: () => {
      order.push("pause");
      return 0;
    },
  };
  const receive = (): void => void order.push("receive");
  const session = { traffic: createTraffic(), receive };
  const share = { ...createShare(), quota };
  await receiveFairly(session, new Uint8Array(200), share, new AbortController().signal);
  expect(order).toEqual(["pause", "receive"]);
});

test("a peer that has been over its quota is read in pieces of 4 KiB", async () => {
  const pieces: number[] = [];
  const session = { traffic: createTraffic(), receive: ({ length }: Uint8Array) => void pieces.push(length) };
  const share = { ...createShare(), quota: { ...createShare().quota, isSlow: () => true } };
  await receiveFairly(session, new Uint8Array(10_000), share, new AbortController().signal);
  expect(pieces).toEqual([4096, 4096, 1808]);
});
