/** The other end of a channel as an object, whatever dialect it speaks. */
import { NegotiatorError } from "../errors.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import type { CallId } from "../wire/message.ts";

/**
 * The part of our methods and notices that a dialect can carry. Add a word together with the code that reads
 * it.
 */
export type Abilities = {
  /** Names of the methods that it can call; undefined when it can call any method. */
  methods: readonly string[] | undefined;
  notices: boolean;
};

/** How to make one call. */
export type CallOptions = {
  /** The id of the call elsewhere, so that all audit files name the call alike; made here by default. */
  id?: CallId;
  /** Names of the streams that come from the peer, and of those that go to it. */
  read?: readonly string[];
  write?: readonly string[];
  /** Milliseconds that the call may take; 0 is no limit. */
  timeoutMs: number;
  /** Cancels the call when it aborts, with the message of its reason. */
  signal?: AbortSignal;
};

/** A call under way. */
export interface PeerCall {
  /** Whether the peer may have received the request. */
  readonly isSent: boolean;
  /**
   * The result, once the streams have arrived whole; someone has to read them. Rejects with a
   * `NegotiatorError` when the call failed, passed its deadline, or when its outcome is not known.
   */
  readonly result: Promise<unknown>;
  /** Throw `UNSUPPORTED` for a stream that was not asked for. */
  reader(stream: string): StreamReader;
  writer(stream: string): StreamWriter;
  /** Asks the peer to end the call. After the result, ends the streams that are still open. */
  cancel(reason: string): void;
}

/** One peer. */
export interface Peer {
  readonly can: Abilities;
  /** Throws `UNSUPPORTED` for a method that the dialect cannot carry, and what `Session.call` throws. */
  call(method: string, params: unknown, options: CallOptions): PeerCall;
  /** Throws `UNSUPPORTED` where the dialect has no notices, and what `Session.notify` throws. */
  notify(name: string, params: unknown): void;
}

/**
 * Throws `UNSUPPORTED` when a peer with these abilities cannot be asked for the method. `label` names its
 * dialect.
 */
export function checkMethod(can: Abilities, label: string, method: string): void {
  if (can.methods === undefined || can.methods.includes(method)) return;
  throw unsupported(label, `does not know "${method}"`);
}

/** Throws `UNSUPPORTED` when a peer with these abilities takes no notices. `label` names its dialect. */
export function checkNotices(can: Abilities, label: string): void {
  if (!can.notices) throw unsupported(label, "takes no notices");
}

function unsupported(label: string, condition: string): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", `The peer is a ${label}, which ${condition}`, {
    remedy: "Install negotiator at the other end: MIGRATING.md says how",
  });
}
