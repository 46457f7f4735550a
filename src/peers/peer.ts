/** The other end of a channel as an object, whatever dialect it speaks. */
import { NegotiatorError } from "../errors.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import type { FrozenOutgoing } from "../wire/calls/outgoing-call.ts";
import type { MessageListener } from "../wire/calls/mailbox.ts";
import type { CallerInfo, CallId } from "../wire/message.ts";

/**
 * Our methods and notices that a dialect can carry. Add a member together with the code that reads it.
 */
export type Abilities = {
  /** Names of the methods that it can carry; undefined for any method. */
  methods: readonly string[] | undefined;
  /** Whether it can carry notices. */
  notices: boolean;
  /** Whether it can carry messages inside a call, such as signals. */
  messages: boolean;
};

/** A call of the program before. */
export type Resumed = { over?: FrozenOutgoing | undefined };

/** Options of one call. */
export type PeerCallOptions = {
  /** The call's id, the same in all audit files. By default, a new one. */
  id?: CallId;
  /**
   * Goes on with the call `id` of the program that this one has replaced, and sends nothing. `over` is what
   * `freezeOver` returned there.
   */
  resumed?: Resumed | undefined;
  /** Names of the streams from the peer. */
  read?: readonly string[];
  /** Names of the streams to the peer. */
  write?: readonly string[];
  /** Most milliseconds for the call; 0 for no limit. */
  timeoutMs: number;
  /** Most milliseconds until the peer shows that it is there; 0 or absent for no limit. */
  connectTimeoutMs?: number | undefined;
  /** The local user that this daemon calls for. */
  caller?: CallerInfo;
  /** Whether the call goes on when this side is gone. */
  isDetached?: boolean;
  /** How long the peer is asked to keep what the call leaves, in milliseconds. */
  keepMs?: number;
  /** Cancels the call when it aborts, with its reason's message. */
  signal?: AbortSignal;
};

/** A call that was started. */
export interface PeerCall {
  /** Whether the peer may have received the request. */
  readonly isSent: boolean;
  /**
   * The result, once the streams have arrived whole, so the caller has to read them. Rejects with a
   * `NegotiatorError` when the call fails, when its deadline passes, or when its outcome is unknown.
   */
  readonly result: Promise<unknown>;
  /** A stream from the peer. Throws `UNSUPPORTED` for a name that is not in `read`. */
  reader(stream: string): StreamReader;
  /** A stream to the peer. Throws `UNSUPPORTED` for a name that is not in `write`. */
  writer(stream: string): StreamWriter;
  /** Sends a message inside the call. Does nothing if `can` has no messages. */
  send(name: string, value: unknown): void;
  /** Sets the listener for the peer's messages inside the call. */
  listen(listener: MessageListener): void;
  /**
   * Returns the call as plain data if it is over, so that its owner can hand over what it has not read yet.
   * A dialect whose calls cannot be handed over has no such function.
   */
  freezeOver?(): FrozenOutgoing | undefined;
  /** Asks the peer to end the call. After the result, ends the open streams. */
  cancel(reason: string): void;
}

/** The other end of a channel. */
export interface Peer {
  readonly can: Abilities;
  /** Starts a call. Throws `UNSUPPORTED` for a method outside `can`, and what `Session.call` throws. */
  call(method: string, params: unknown, options: PeerCallOptions): PeerCall;
  /** Sends a notice. Throws `UNSUPPORTED` if `can` has no notices, and what `Session.notify` throws. */
  notify(name: string, params: unknown): void;
}

/** Throws `UNSUPPORTED` for a method outside `can`. The message names the dialect by `label`. */
export function checkMethod(can: Abilities, label: string, method: string): void {
  if (can.methods === undefined || can.methods.includes(method)) return;
  throw unsupported(label, `has no method "${method}"`);
}

/** Throws `UNSUPPORTED` if `can` has no notices. The message names the dialect by `label`. */
export function checkNotices(can: Abilities, label: string): void {
  if (!can.notices) throw unsupported(label, "accepts no notices");
}

function unsupported(label: string, condition: string): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", `The peer (${label}) ${condition}`, {
    remedy: "Install negotiator at the other end, as MIGRATING.md describes",
  });
}
