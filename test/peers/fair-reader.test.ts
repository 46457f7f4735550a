/** The cost of received bytes in the quota of their peer. */
import { expect, test } from "bun:test";
import { createShare, receiveFairly } from "../../src/peers/fair-reader.ts";
import type { Unneeded } from "../../src/peers/unneeded-quota.ts";
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
    take({ messages, bytes }: Unneeded) {
      taken.push({ messages, bytes });
      return 0;
    },
    exceeded: () => undefined,
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
