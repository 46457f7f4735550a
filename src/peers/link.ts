/** Carries the bytes of a session over a channel, both ways, until the channel or the session ends. */
import { setTimeout as delay } from "node:timers/promises";
import { onAbort } from "../abort.ts";
import { NegotiatorError } from "../errors.ts";
import type { Channel, FrozenChannel } from "../wire/channel.ts";
import { createSession } from "../wire/session/session.ts";
import type { FrozenSession, Session, SessionOptions, SessionState } from "../wire/session/session.ts";
import { createShare, receiveFairly } from "./fair-reader.ts";
import type { Share } from "./fair-reader.ts";
import type { ForeignServers } from "./foreign-servers.ts";
import { everyTick } from "./ticker.ts";
import type { EveryTick } from "./ticker.ts";

/** The end of a run: the session's state, and the error if there was one. */
export type LinkEnd = { state: SessionState; reason?: NegotiatorError };

/** A session that runs over one channel at a time. */
export type Link = {
  readonly session: Session;
  /**
   * Runs the session over `channel`, then closes the channel. A dialler sends a hello first.
   * Resolves when the channel ends, when `signal` aborts, after too many invalid messages, and when the
   * session cannot go on here (a state other than `dialling` and `open`). A listener stays in every state but
   * `ended`, because its next hello comes over the same channel. Rejects when reading or writing fails.
   */
  run(channel: Channel, signal?: AbortSignal): Promise<LinkEnd>;
  /**
   * A call waits for the session: an unanswered hello waits no longer than `firstHelloMs`. Then the run
   * ends, and the owner can dial again.
   */
  hurry(): void;
  /** Returns the link and its channel as plain data; undefined if the session has ended or is foreign. */
  freeze(): FrozenLink | undefined;
  /**
   * Goes on with the link of the option `frozen`: the peer's calls go to `onCall` again. `channel` is the one
   * of the link, for the next `run`; without it the session is cut.
   */
  thaw(channel: Channel | undefined): void;
};

/** A link as plain data, with its channel if it can be handed over. */
export type FrozenLink = { session?: FrozenSession; channel?: FrozenChannel };

/** Options of the session and of the link. */
export type LinkOptions = Omit<
  SessionOptions,
  "onOutput" | "onInvalid" | "onForeign" | "memory" | "frozen"
> & {
  /** `thaw` goes on with this link. */
  frozen?: FrozenLink | undefined;
  /**
   * Milliseconds that the first hello waits for its answer, 15 s by default. Each further unanswered hello
   * waits twice as long, up to 15 s, and up to a quarter of the time since a session was open (2 s at least).
   * So a hello that a stopping agent lost is soon repeated, and a slow agent has time to answer.
   */
  firstHelloMs?: number;
  /** The peer's share of this process; without it, the link has one for itself. */
  share?: Share;
  /** Calls the session once a second; tests replace the shared timer. */
  every?: EveryTick;
  /** Creates the servers of the dialects that share the channel with the native one. */
  createForeign?: (session: Session) => ForeignServers;
};

const LONGEST_HELLO_MS = 15_000;
/** The longest wait right after a session was open: agents that stop can lose several hellos in a row. */
const SHORT_HELLO_MS = 2000;
/** A peer that does not read must not hold up the end of a run for longer than this. */
const LAST_MESSAGES_MS = 500;
/** Messages are written together up to this size: one system call instead of many. */
const BATCH_BYTES = 64 * 1024;

/** Creates a link without a channel. */
export function createLink(options: LinkOptions): Link {
  const { firstHelloMs = LONGEST_HELLO_MS, share = createShare(), every = everyTick } = options;
  let end: ((how: LinkEnd) => void) | undefined;
  let helloMs = firstHelloMs;
  /** When the session was last open; undefined if it never was. */
  let openMs: number | undefined;
  let lastState: SessionState = "idle";
  let carrying: Channel | undefined;
  let hello: { sentMs: number; timer: ReturnType<typeof setTimeout> } | undefined;

  const session = createSession({
    ...options,
    frozen: options.frozen?.session,
    memory: share.memory,
    onOutput: () => writing.wake(),
    onForeign: (frame) => foreign?.take(frame) ?? false,
    onInvalid: (reason) => end?.({ state: session.state, reason }),
    onState(state, reason) {
      if (lastState === "open") openMs = performance.now();
      lastState = state;
      // A native agent has connected, or this side has closed: no foreign peer would read an answer.
      if (state === "ended" || state === "open") foreign?.cancelAll();
      if (state === "open" || state === "foreign") helloMs = firstHelloMs;
      options.onState?.(state, reason);
      const isUsable = state === "open" || state === "dialling";
      if (isUsable || (options.side === "listener" && state !== "ended")) return;
      end?.(reason === undefined ? { state } : { state, reason });
    },
  });
  const foreign = options.createForeign?.(session);
  const writing = createWriting(session, () => foreign?.resume());

  const reading = createReading(session, share);
  const adoption = createAdoption(session, options.frozen);

  const endHello = (): void => {
    if (session.state !== "dialling") return;
    // A guest that is starting answers late, so only the longest wait counts as an error.
    end?.({ state: "dialling", ...(helloMs === LONGEST_HELLO_MS ? { reason: noAnswer() } : {}) });
    helloMs = Math.min(2 * helloMs, longestHelloMs(openMs));
  };

  return {
    session,
    hurry() {
      helloMs = Math.min(helloMs, firstHelloMs);
      if (hello === undefined || session.state !== "dialling") return;
      clearTimeout(hello.timer);
      hello.timer = setTimeout(endHello, Math.max(0, hello.sentMs + firstHelloMs - performance.now()));
    },
    async run(channel, signal = new AbortController().signal) {
      const { promise: ended, resolve } = Promise.withResolvers<LinkEnd>();
      end = resolve;
      let isEnding = false;
      const over = new AbortController();
      using life = new DisposableStack();
      reading.reset();
      life.use(every(() => session.tick(performance.now(), reading.hasMore)));
      hello = { sentMs: performance.now(), timer: setTimeout(endHello, helloMs) };
      life.use(onAbort(signal, () => resolve({ state: session.state })));
      const left = adoption.take(channel);
      carrying = channel;
      try {
        if (options.side === "dialler" && left === undefined) session.dial();
        const written = writing.write(channel, () => isEnding, left?.unwritten);
        const carried = carry(reading.read(channel, over.signal, left?.unread), written);
        const how = await Promise.race([ended, carried.then(() => ({ state: session.state }))]);
        isEnding = true;
        writing.wake();
        await Promise.race([written.catch(() => undefined), waitForLastMessages()]);
        return how;
      } finally {
        clearTimeout(hello.timer);
        hello = undefined;
        end = carrying = undefined;
        over.abort();
        await channel.close();
        session.detach();
        foreign?.cancelAll();
      }
    },
    freeze: () => freezeLink(session, carrying, reading.unread),
    thaw: (channel) => adoption.thaw(channel),
  };
}

const NO_BYTES = new Uint8Array(0);

/** Gives the bytes of a channel to the session, and knows those that wait for their turn. */
function createReading(session: Session, share: Share) {
  let unread: Uint8Array = NO_BYTES;
  let hasMore = false;
  const receive = async (bytes: Uint8Array, over: AbortSignal): Promise<void> => {
    hasMore = true;
    await receiveFairly(session, bytes, share, over, (rest) => void (unread = rest));
    hasMore = false;
  };
  return {
    get hasMore() {
      return hasMore;
    },
    get unread() {
      return unread;
    },
    reset() {
      hasMore = false;
      unread = NO_BYTES;
    },
    async read(channel: Channel, over: AbortSignal, first: Uint8Array = NO_BYTES): Promise<void> {
      if (first.length > 0) await receive(first, over);
      for await (const bytes of channel) await receive(bytes, over);
    },
  };
}

/** Writes what the session has to send. `onWritten` is called after each write. */
function createWriting(session: Session, onWritten: () => void) {
  let wake: (() => void) | undefined;
  return {
    wake: () => wake?.(),
    async write(channel: Channel, isEnding: () => boolean, first: Uint8Array = NO_BYTES): Promise<void> {
      if (first.length > 0) await channel.write(first);
      for (;;) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        for (let batch = gather(session); batch !== undefined; batch = gather(session)) {
          await channel.write(batch);
          onWritten();
        }
        if (isEnding()) return;
        await promise;
      }
    },
  };
}

/** Knows the channel of a frozen link. `take` returns its bytes if the channel is that one. */
function createAdoption(session: Session, frozen: FrozenLink | undefined) {
  let adopted: Channel | undefined;
  return {
    thaw(channel: Channel | undefined): void {
      if (frozen?.session !== undefined) session.thaw(performance.now());
      if (channel === undefined) session.detach();
      adopted = channel;
    },
    take(channel: Channel): FrozenChannel | undefined {
      // A channel that counts its bytes has the `freeze` of the one inside it.
      const isAdopted = adopted !== undefined && channel.freeze === adopted.freeze;
      if (adopted !== undefined && !isAdopted) session.detach();
      adopted = undefined;
      return isAdopted ? frozen?.channel : undefined;
    },
  };
}

function freezeLink(
  session: Session,
  carrying: Channel | undefined,
  unread: Uint8Array,
): FrozenLink | undefined {
  const { state } = session;
  if (state === "ended" || state === "foreign") return undefined;
  // A hello that waits for its answer is sent again, over another channel.
  const channel = state === "dialling" ? undefined : carrying?.freeze?.();
  if (channel === undefined) return { session: session.freeze() };
  return {
    session: session.freeze(),
    channel: { ...channel, unread: Buffer.concat([unread, channel.unread]) },
  };
}

/** A channel that takes no more bytes may still hold the peer's last answers, so they are read first. */
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

/** After an outage, the next hello comes within a quarter of the time that the outage has lasted. */
function longestHelloMs(openMs: number | undefined): number {
  if (openMs === undefined) return LONGEST_HELLO_MS;
  const quarterMs = (performance.now() - openMs) / 4;
  return Math.min(LONGEST_HELLO_MS, Math.max(SHORT_HELLO_MS, quarterMs));
}

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
