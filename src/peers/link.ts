/** Joins a session to a channel: what one gives out goes into the other, until the channel or the conversation ends. */
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../errors.ts";
import type { Channel } from "../wire/channel.ts";
import { createSession } from "../wire/session/session.ts";
import type { Session, SessionOptions, SessionState } from "../wire/session/session.ts";

/** Why a link ended: the state of the session, and what was wrong if anything was. */
export type LinkEnd = { state: SessionState; reason?: NegotiatorError };

export type Link = {
  readonly session: Session;
  /**
   * Holds the conversation on `channel` and closes it at the end; a dialler says hello first. Resolves when the channel
   * has ended, when the session cannot go on over it (states other than `dialling` and `open`; a listener stays, as
   * its next hello comes over the same channel), when the other side keeps sending what makes no sense, or when `signal`
   * is aborted. One channel at a time.
   */
  run(channel: Channel, signal?: AbortSignal): Promise<LinkEnd>;
};

export type LinkOptions = Omit<SessionOptions, "onOutput" | "onInvalid"> & {
  /**
   * How long the first hello may wait for its answer, in milliseconds; each further one in a row may wait twice as long, up
   * to 15 s, which is also the default. So a hello that a stopping agent took with it is soon said anew, and a slow
   * agent has its time.
   */
  firstHelloMs?: number;
  /** Something of the session's has gone out. */
  onWritten?: () => void;
};

const TICK_MS = 1000;
const LONGEST_HELLO_MS = 15_000;
/** How long the last words may take when the other side does not read. */
const FAREWELL_MS = 500;
/** Messages are gathered up to this size before they are written: one system call instead of many. */
const BATCH_BYTES = 64 * 1024;

export function createLink(options: LinkOptions): Link {
  let wake: (() => void) | undefined;
  let stop: ((end: LinkEnd) => void) | undefined;
  const { firstHelloMs = LONGEST_HELLO_MS } = options;
  let helloMs = firstHelloMs;
  const session = createSession({
    ...options,
    onOutput: () => wake?.(),
    onInvalid: (reason) => stop?.({ state: session.state, reason }),
    onState(state, reason) {
      options.onState?.(state, reason);
      if (state === "open" || state === "foreign") helloMs = firstHelloMs;
      const staysOpen = state === "open" || state === "dialling";
      if (staysOpen || (options.side === "listener" && state !== "ended")) return;
      stop?.(reason === undefined ? { state } : { state, reason });
    },
  });

  const read = async (channel: Channel): Promise<void> => {
    for await (const bytes of channel) session.receive(bytes, performance.now());
  };

  /** Ends when a write fails, which a closed channel makes it do; or, while `isEnding`, when all is said. */
  const write = async (channel: Channel, isEnding: () => boolean): Promise<void> => {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      for (let batch = gather(session); batch !== undefined; batch = gather(session)) {
        await channel.write(batch);
        options.onWritten?.();
      }
      if (isEnding()) return;
      await promise;
    }
  };

  return {
    session,
    async run(channel, signal) {
      const { promise: ended, resolve } = Promise.withResolvers<LinkEnd>();
      stop = resolve;
      let isEnding = false;
      const ticker = setInterval(() => session.tick(performance.now()), TICK_MS);
      const impatience = setTimeout(() => {
        if (session.state !== "dialling") return;
        // A guest that is starting is no news: only a long silence is.
        resolve({ state: "dialling", ...(helloMs === LONGEST_HELLO_MS ? { reason: noAnswer() } : {}) });
        helloMs = Math.min(2 * helloMs, LONGEST_HELLO_MS);
      }, helloMs);
      const abort = (): void => resolve({ state: session.state });
      signal?.addEventListener("abort", abort);
      if (signal?.aborted === true) abort();
      try {
        if (options.side === "dialler") session.dial();
        const reading = read(channel);
        const writing = write(channel, () => isEnding);
        const broken = writing.catch(async (failure: unknown) => {
          // Who takes no more may have said its last words before that: a call's answer can be among them.
          await Promise.race([reading, delay(FAREWELL_MS, undefined, { ref: false })]);
          throw failure;
        });
        const failed = Promise.race([reading, broken]).then(() => ({ state: session.state }));
        const end = await Promise.race([ended, failed]);
        isEnding = true;
        wake?.();
        // Last words that cannot be said do not change how it ended.
        const said = writing.catch(() => undefined);
        await Promise.race([said, delay(FAREWELL_MS, undefined, { ref: false })]);
        return end;
      } finally {
        signal?.removeEventListener("abort", abort);
        clearInterval(ticker);
        clearTimeout(impatience);
        wake = stop = undefined;
        await channel.close();
        session.detach();
      }
    },
  };
}

/** The session's next messages in one piece; undefined when it has nothing to say. */
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
