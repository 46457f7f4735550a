/** The cost of received bytes in the quota of their peer. */
import { expect, test } from "bun:test";
import { createShare, receiveFairly, serveInTurns } from "../../src/peers/fair-reader.ts";
import type { Unneeded } from "../../src/peers/unneeded-quota.ts";
import { createOpenListener } from "../wire/session/scripted-peer.ts";
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

test("each call that starts counts as 16 KiB of garbage", () => {
  const collected: number[] = [];
  const served: string[] = [];
  const serve = serveInTurns(
    { call: ({ method }) => void served.push(method), notice: () => undefined },
    createShare(),
    (bytes) => void collected.push(bytes),
  );
  const peer = createOpenListener();
  peer.count({ id: "1", method: "x", params: {} });
  peer.calls.forEach(serve.call);
  expect(served).toEqual(["x"]);
  expect(collected).toEqual([16 * 1024]);
});
