/** Joins a session to a channel: carries its bytes both ways until the channel or the session ends. */
import { setTimeout as delay } from "node:timers/promises";
import { onAbort } from "../abort.ts";
import { NegotiatorError } from "../errors.ts";
import type { Channel } from "../wire/channel.ts";
import { createSession } from "../wire/session/session.ts";
import type { Session, SessionOptions, SessionState } from "../wire/session/session.ts";
import type { ForeignServers } from "./foreign-servers.ts";

/** Why a link ended: the state of the session, and the error if there was one. */
export type LinkEnd = { state: SessionState; reason?: NegotiatorError };

/** A session and its way onto channels, one at a time. */
export type Link = {
  readonly session: Session;
  /**
   * Carries the session over `channel` and closes the channel at the end; a dialler sends a hello first.
   * Resolves when the channel has ended, when the session cannot go on over it (states other than `dialling`
   * and `open`; a listener stays, because its next hello comes over the same channel), when the peer has sent
   * too many invalid messages, or when `signal` aborts. Rejects when reading or writing failed.
   */
  run(channel: Channel, signal?: AbortSignal): Promise<LinkEnd>;
};

/** The session's options, and the link's own. */
export type LinkOptions = Omit<SessionOptions, "onOutput" | "onInvalid" | "onForeign"> & {
  /**
   * How long the first hello may wait for its answer, in milliseconds, 15 s by default. Each further hello in
   * a row may wait twice as long, up to 15 s: a hello that was lost with a stopping agent is soon sent again,
   * and a slow agent has time.
   */
  firstHelloMs?: number;
  /** Makes the servers of the dialects that share the channel with the native one. */
  createForeign?: (session: Session) => ForeignServers;
};

const TICK_MS = 1000;
const LONGEST_HELLO_MS = 15_000;
/** Longest wait for the last messages to be written, to a peer that does not read. */
const LAST_MESSAGES_MS = 500;
/** Messages are gathered up to this size before they are written: one system call instead of many. */
const BATCH_BYTES = 64 * 1024;

/** A link without a channel. */
export function createLink(options: LinkOptions): Link {
  const { firstHelloMs = LONGEST_HELLO_MS } = options;
  let wake: (() => void) | undefined;
  let end: ((how: LinkEnd) => void) | undefined;
  let helloMs = firstHelloMs;

  const session = createSession({
    ...options,
    onOutput: () => wake?.(),
    onForeign: (frame) => foreign?.take(frame) ?? false,
    onInvalid: (reason) => end?.({ state: session.state, reason }),
    onState(state, reason) {
      // No foreign peer takes an answer now: a native one is there, or this side has closed the session.
      if (state === "ended" || state === "open") foreign?.cancelAll();
      if (state === "open" || state === "foreign") helloMs = firstHelloMs;
      options.onState?.(state, reason);
      const isUsable = state === "open" || state === "dialling";
      if (isUsable || (options.side === "listener" && state !== "ended")) return;
      end?.(reason === undefined ? { state } : { state, reason });
    },
  });
  const foreign = options.createForeign?.(session);

  const read = async (channel: Channel): Promise<void> => {
    for await (const bytes of channel) session.receive(bytes, performance.now());
  };

  /**
   * Ends when a write fails, as it does on a closed channel; or, while `isEnding`, when everything is
   * written.
   */
  const write = async (channel: Channel, isEnding: () => boolean): Promise<void> => {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      for (let batch = gather(session); batch !== undefined; batch = gather(session)) {
        await channel.write(batch);
        foreign?.resume();
      }
      if (isEnding()) return;
      await promise;
    }
  };

  /** Only a hello that has waited for the longest time is an error: a guest that is starting answers late. */
  const giveHelloUp = (): void => {
    if (session.state !== "dialling") return;
    end?.({ state: "dialling", ...(helloMs === LONGEST_HELLO_MS ? { reason: noAnswer() } : {}) });
    helloMs = Math.min(2 * helloMs, LONGEST_HELLO_MS);
  };

  return {
    session,
    async run(channel, signal = new AbortController().signal) {
      const { promise: ended, resolve } = Promise.withResolvers<LinkEnd>();
      end = resolve;
      let isEnding = false;
      const ticker = setInterval(() => session.tick(performance.now()), TICK_MS);
      const helloTimer = setTimeout(giveHelloUp, helloMs);
      using _ = onAbort(signal, () => resolve({ state: session.state }));
      try {
        if (options.side === "dialler") session.dial();
        const writing = write(channel, () => isEnding);
        const failed = carry(read(channel), writing).then(() => ({ state: session.state }));
        const how = await Promise.race([ended, failed]);
        isEnding = true;
        wake?.();
        await Promise.race([writing.catch(() => undefined), waitForLastMessages()]);
        return how;
      } finally {
        clearInterval(ticker);
        clearTimeout(helloTimer);
        wake = end = undefined;
        await channel.close();
        session.detach();
        foreign?.cancelAll();
      }
    },
  };
}

/**
 * A channel that takes no more bytes may still hold the peer's last messages, such as a call's answer: those
 * are read first.
 */
async function carry(reading: Promise<void>, writing: Promise<void>): Promise<void> {
  const broken = writing.catch(async (failure: unknown) => {
    await Promise.race([reading, waitForLastMessages()]);
    throw failure;
  });
  await Promise.race([reading, broken]);
}

async function waitForLastMessages(): Promise<void> {
  await delay(LAST_MESSAGES_MS, undefined, { ref: false });
}

/** The session's next messages in one piece; undefined when there are none. */
function gather(session: Session): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < BATCH_BYTES) {
    const part = session.next();
    if (part === undefined) break;
    parts.push(part);
    bytes += part.length;
  }
  return parts.length > 1 ? Buffer.concat(parts) : parts[0];
}

function noAnswer(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "No agent answers at the other end of the channel");
}
