/**
 * A native session on a channel that can be cut at any moment: greeting, liveness, calls, notices, and an
 * orderly end. Bytes go in and come out; the time comes in as an argument, in milliseconds.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Agent } from "./handshake.ts";
import type { CallOptions, FrozenOutgoing, OutgoingCall } from "../calls/outgoing-call.ts";
import { createNextBytes } from "./next-bytes.ts";
import { createSessionParts } from "./session-parts.ts";
import type { FrozenSession, SessionOptions } from "./session-parts.ts";
import type { CallId } from "../message.ts";
import type { SessionState } from "./status.ts";
import type { Traffic } from "./traffic.ts";

export type { ForeignFrame } from "./intake.ts";
export type { FrozenSession, SessionOptions } from "./session-parts.ts";
export type { SessionState } from "./status.ts";

/** One side of a conversation with one peer. */
export type Session = {
  readonly state: SessionState;
  /** Describes the peer. Known once the session was open. */
  readonly peer: Agent | undefined;
  /** The words with which the peer has said goodbye; undefined since a session was open. */
  readonly farewell: string | undefined;
  /** Why the last hello was refused; undefined since a session was open. */
  readonly refusal: NegotiatorError | undefined;
  /** False when the peer has sent nothing for `unresponsiveAfterMs`, although it was pinged. */
  readonly isResponsive: boolean;
  /** When something last came in an open session, on the clock of `receive`; 0 when nothing ever did. */
  readonly heardMs: number;
  /** Has the time that a ping and its pong took last, in milliseconds; undefined while there is none. */
  readonly timing: { readonly roundTripMs: number | undefined };
  /** Calls of this side that wait for their answers or streams. */
  readonly outgoingCount: number;
  /** Calls of the peer whose answers or streams are not complete. */
  readonly incomingCount: number;
  /** The numbers of messages that the peer has sent so far. */
  readonly traffic: Readonly<Traffic>;
  /** Lines without a number that wait to be sent, including those of other dialects. */
  readonly unsentLines: number;
  /** Sends a hello on a new channel. Dialler only. */
  dial(): void;
  /** The channel is gone. Calls and notices wait until the session is resumed, or lost. */
  detach(): void;
  /** Takes bytes of the channel; none when the far end has left and may come back. */
  receive(bytes: Uint8Array, nowMs: number): void;
  /** Sends a ping if the session is open. With the present time, also measures the round trip. */
  ask(nowMs?: number): void;
  /** Returns the next bytes to write, at most one message; undefined when there are none now. */
  next(): Uint8Array | undefined;
  /**
   * Acts on the time that has passed. Called about once a second. `hasMore`: bytes of the peer wait on this
   * side, so the peer is not silent, and a begun frame may still be completed.
   */
  tick(nowMs: number, hasMore?: boolean): void;
  /**
   * Starts a call. Throws `TOO_LARGE`, `BAD_REQUEST`, `CLOSED` or the reason of `refusal`. A later failure
   * rejects the call's answer.
   */
  call(options: CallOptions): OutgoingCall;
  /**
   * Sends a notice: exactly once in a session that resumes, at most once in one that is lost. Throws
   * `CLOSED` when the session has ended or is foreign, `TOO_LARGE` or `BAD_REQUEST` when the notice cannot be
   * sent, and `BUSY` when too many messages wait.
   */
  notify(method: string, params?: unknown): void;
  /** Sends bytes of another dialect before all waiting numbered messages. */
  sendForeign(bytes: Uint8Array): void;
  /**
   * Gives way to another dialect, which messages call `label`. A dialler's session ends, and it is silent
   * until `dial`. A listener's open session is cut; the next hello can resume it.
   */
  yieldTo(label: string): void;
  /**
   * Cancels the peer's calls that are not detached, because the peer seems to be gone. The session stays,
   * so a peer that comes back gets the answers.
   */
  cancelServed(reason: string): void;
  /**
   * Ends the session and all calls of both sides, because the peer is gone. A dialler can dial again, and
   * another session begins then.
   */
  abandon(reason: NegotiatorError): void;
  /**
   * Ends the session and all calls of both sides, and sends a goodbye. Calls that were not sent fail with
   * `unsent`, by default with `CLOSED` and the reason.
   */
  close(reason: string, unsent?: NegotiatorError): void;
  /** As `OutgoingCalls.claim`. */
  claim(id: CallId, over?: FrozenOutgoing): OutgoingCall | undefined;
  /** Returns the session as plain data, for the program that replaces this one. */
  freeze(): FrozenSession;
  /**
   * Goes on with the session of the option `frozen`: the calls of the peer go to `onCall` again. Reports an
   * open session by `onState`. `nowMs` is on the clock of `receive`.
   */
  thaw(nowMs: number): void;
};

/** Creates a session in the state `idle`. */
export function createSession(options: SessionOptions): Session {
  const { side, makeId, onOutput } = options;
  const all = createSessionParts(options);
  const { served, controlQueue, status, epochs, receiver, traffic, ...parts } = all;
  const { invalidInput, conversation, timeout, silence, refusal, dialling, intake } = parts;

  const hear = createHearing(parts, onOutput);

  return {
    get state() {
      return status.state;
    },
    get peer() {
      return epochs.peer?.agent;
    },
    get farewell() {
      return epochs.peer?.farewell;
    },
    get refusal() {
      return refusal.reason;
    },
    get isResponsive() {
      return timeout.isResponsive;
    },
    get heardMs() {
      return timeout.heardMs;
    },
    timing: timeout,
    get outgoingCount() {
      return conversation.outgoingCount;
    },
    get incomingCount() {
      return conversation.incomingCount;
    },
    traffic,
    get unsentLines() {
      return controlQueue.length;
    },
    dial() {
      if (side === "listener" || status.state === "ended") return;
      receiver.reset();
      invalidInput.reset();
      dialling.sendHello();
    },
    detach() {
      receiver.reset();
      invalidInput.reset();
      if (status.state !== "ended") status.cut(new NegotiatorError("CLOSED", "The channel was cut"));
    },
    receive(bytes, nowMs) {
      if (intake.isClosed) return;
      if (bytes.length > 0) hear(nowMs);
      intake.take(bytes, nowMs);
      if (epochs.sequence.acknowledgement === "due") onOutput();
    },
    ask: (nowMs) => timeout.ping(nowMs),
    next: createNextBytes({ status, controlQueue, conversation, silence }),
    tick(nowMs, hasMore = false) {
      served.expire(nowMs);
      if (hasMore) hear(nowMs);
      else intake.tick(nowMs);
      conversation.tick();
      if (status.state === "open") epochs.sequence.flushAcknowledgement();
      if (epochs.sequence.acknowledgement === "due") onOutput();
      timeout.tick(nowMs);
      const isSilent = silence?.tick(nowMs, !epochs.sequence.isAcknowledged) === true;
      // Calls and sessions survive this, so it is not worth a warning.
      if (isSilent && status.state === "open") status.cut();
    },
    call({ id = makeId(), ...call }) {
      throwIfClosed(status.state, refusal.reason);
      if (status.state === "open") silence?.call();
      return conversation.call({ id, ...call });
    },
    notify(method, params = {}) {
      throwIfClosed(status.state);
      conversation.notify(method, params);
    },
    sendForeign: (bytes) => controlQueue.pushBytes(bytes),
    yieldTo(label) {
      invalidInput.clearCount();
      if (side === "dialler") conversation.end("foreign", isForeign(label));
      else if (status.state === "open")
        status.cut(new NegotiatorError("CLOSED", `A ${label} took over the channel`));
    },
    cancelServed: (reason) => conversation.cancelServed(reason),
    abandon(reason) {
      if (status.state === "ended" || status.state === "foreign") return;
      conversation.cancelServed(reason.message);
      conversation.endWithPeer(reason);
    },
    close(reason, unsent = new NegotiatorError("CLOSED", `The session was closed: ${reason}`)) {
      if (status.state === "open") controlQueue.push({ kind: "goodbye", reason });
      conversation.end("ended", unsent);
    },
    claim: (id, over) => conversation.claim(id, over),
    freeze: () => freezeSession(all),
    thaw: (nowMs) => thawSession(all, options, nowMs),
  };
}

type Parts = ReturnType<typeof createSessionParts>;

/** Returns the function that is called at the times at which the peer sends something. */
function createHearing(
  { timeout, silence }: Pick<Parts, "timeout" | "silence">,
  onOutput: () => void,
): (nowMs: number) => void {
  return (nowMs) => {
    timeout.receive(nowMs);
    if (silence?.receive(nowMs) === true) onOutput();
  };
}

function freezeSession({ status, epochs, conversation, receiver, controlQueue }: Parts): FrozenSession {
  const isDialling = status.state === "dialling";
  return {
    // The next program says hello again.
    state: isDialling ? "cut" : status.state,
    epochs: epochs.freeze(),
    conversation: conversation.freeze(),
    reader: receiver.freeze(),
    lines: isDialling ? [] : controlQueue.peek(),
  };
}

function thawSession(parts: Parts, { frozen, onState, onOutput }: SessionOptions, nowMs: number): void {
  if (frozen === undefined) return;
  const { served, receiver, controlQueue, timeout, silence, conversation, status } = parts;
  served.expire(nowMs);
  receiver.thaw(frozen.reader);
  for (const line of frozen.lines) controlQueue.pushBytes(line);
  timeout.receive(nowMs);
  silence?.receive(nowMs);
  conversation.thaw(frozen.conversation);
  if (status.state === "open") onState?.("open");
  onOutput();
}

function isForeign(label: string): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", `The peer is a ${label}`, { remedy: "Call again" });
}

function throwIfClosed(state: SessionState, refusal?: NegotiatorError): void {
  if (state === "ended" || state === "foreign") throw new NegotiatorError("CLOSED", "The session has ended");
  if (refusal !== undefined) throw refusal;
}
