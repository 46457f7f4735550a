/**
 * What a dialect is: one row of the table in `dialects.ts`, and for a foreign one a folder that makes the
 * row.
 */
import type { Serve } from "../methods/serve.ts";
import type { Limits } from "../limits.ts";
import type { Channel } from "../wire/channel.ts";
import type { JsonObject } from "../wire/json.ts";
import type { CallId } from "../wire/message.ts";
import type { Agent } from "../wire/session/handshake.ts";
import type { ObjectFramer } from "./object-framer.ts";
import type { Abilities, Peer } from "./peer.ts";

/** The part that this program plays on its machine. */
export type Role = "host" | "guest";

/** A virtio-serial port by its name, and how a dialect uses it. */
export type DialectPort = {
  name: string;
  /** The role that speaks first on it. */
  dialler: Role;
  /** The roles whose command line may call over it. */
  callers: Role | "both";
};

/** One row of the table of dialects. */
export type Dialect = {
  /** In `status --json`. */
  readonly name: string;
  /** In sentences: "The peer is a LABEL". */
  readonly label: string;
  /** The ports that carry it, the best for each purpose first. */
  readonly ports: readonly DialectPort[];
  readonly can: Abilities;
};

/**
 * A dialect other than the native one. On a port that it shares with the native one, the hello tells which is
 * spoken.
 */
export type ForeignDialect = Dialect & {
  /** Whether the object is a message of this dialect. */
  recognises(object: JsonObject): boolean;
  /**
   * Whether the object is a peer's refusal of the hello with this nonce. Only asked on ports shared with the
   * native dialect.
   */
  refusesHello(object: JsonObject, nonce: string): boolean;
  /** Cuts the bytes of a channel of its own into objects; on shared ports the session does that. */
  createFramer(limits: Limits): ObjectFramer;
  /** The other end, to be called. */
  createPeer(link: PeerLine): ForeignPeer;
  /** This end, to be called by the other. */
  createServer(link: ServerLine): ForeignServer;
};

/** What a foreign peer is built on. */
export type PeerLine = {
  agent: Agent;
  makeId: () => string;
  /** Opens a channel to the peer, for one call; the peer closes it. Rejects when `signal` aborts. */
  dial: (signal: AbortSignal) => Promise<Channel>;
  /** Whether a native agent is known to have taken the foreign one's place. */
  isUpgraded: () => boolean;
  /** The native peer that took the foreign one's place, once a call has met it. */
  upgradedPeer: (signal: AbortSignal) => Promise<Peer>;
  /** Aborts all calls when it aborts, with its reason. */
  life: AbortSignal;
};

/** A foreign peer, and its calls. */
export type ForeignPeer = Peer & {
  /** Calls that wait or are under way. */
  readonly callCount: number;
  /** A native agent has taken the place: calls that were not made yet go to the upgraded peer. */
  handOver(): void;
};

/** What a foreign server is built on. */
export type ServerLine = {
  /** Where calls and notices go. Every call is answered. */
  serve: Serve;
  send: (bytes: Uint8Array) => void;
  /**
   * Messages that were sent and have not gone out yet; while there are any, no further request is answered.
   */
  unsent: () => number;
  makeId: () => CallId;
  limits: Limits;
};

/** Serves a foreign peer's calls. */
export type ForeignServer = {
  /** Takes a message of the peer; answers go to `send`. */
  take(object: JsonObject): void;
  /** An answer has gone out: there may be room for the next. */
  resume(): void;
  /** No peer is there to take an answer: drops the requests that wait, cancels the call that runs. */
  cancelAll(): void;
};
