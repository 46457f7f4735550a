/** Peers that send without end on links of one process: another peer's message does not wait for theirs. */
import { expect, test } from "bun:test";
import { createLink } from "../../src/peers/link.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { encodeHello, PROTOCOL_VERSIONS } from "../../src/wire/session/handshake.ts";
import { within } from "../support/deadline.ts";

const EVIL_PEERS = 12;
const PIECES = 20;
const PIECE_BYTES = 512 * 1024;
const WAIT_MS = 60_000;

let ids = 0;

function hello(): Uint8Array {
  return encodeHello({
    nonce: `nonce-${++ids}`,
    versions: PROTOCOL_VERSIONS,
    capabilities: [],
    agent: { name: "test", version: "1", role: "host" },
    limits: { lineBytes: 1024 * 1024, noticeBytes: 1024 },
    session: { id: `session-${ids}`, received: 0 },
  });
}

function line(members: object): string {
  return `${JSON.stringify({ jsonrpc: "2.0", ...members })}\n`;
}

/** A channel with these pieces. `onWrite` gets what is written to it. */
function channelOf(pieces: AsyncIterable<Uint8Array>, onWrite: (text: string) => void): Channel {
  return {
    label: "test",
    [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator](),
    write: (bytes) => Promise.resolve(onWrite(Buffer.from(bytes).toString())),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function serve(channel: Channel, signal: AbortSignal): Promise<unknown> {
  const agent = { name: "test", version: "1", role: "guest" };
  const link = createLink({
    side: "listener",
    agent,
    makeId: () => `id-number-long-enough-${++ids}`,
    onCall: (call) => call.respond("served"),
  });
  return link.run(channel, signal);
}

test(
  "a call is answered before a tenth of the messages that twelve other peers have sent is read",
  async () => {
    const stop = new AbortController();
    let read = 0;
    const pong = Buffer.from(line({ method: "session.pong", params: {} }).repeat(PIECE_BYTES / 60));
    async function* flood(): AsyncGenerator<Uint8Array> {
      yield hello();
      for (let piece = 0; piece < PIECES; piece++) {
        yield pong;
        read++;
      }
    }
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    async function* ask(): AsyncGenerator<Uint8Array> {
      yield hello();
      await begun;
      yield Buffer.from(line({ seq: 1, id: "call", method: "x", params: {} }));
      await answered;
    }
    const good = serve(
      channelOf(ask(), (text) => text.includes('"served"') && resolve()),
      stop.signal,
    );
    const evil = Array.from({ length: EVIL_PEERS }, () =>
      serve(
        channelOf(flood(), () => undefined),
        stop.signal,
      ),
    );
    setImmediate(begin);
    await within(answered, WAIT_MS, () => new Error("The call was not answered"));
    expect(read).toBeLessThan((EVIL_PEERS * PIECES) / 10);
    stop.abort();
    await Promise.allSettled([good, ...evil]);
  },
  2 * WAIT_MS,
);
