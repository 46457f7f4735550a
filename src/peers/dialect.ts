/**
 * The shape of a dialect: a row of the table in `dialects.ts`. A foreign dialect has a folder of code too.
 */
import type { NegotiatorError } from "../errors.ts";
import type { Serve } from "../methods/serve.ts";
import type { Limits } from "../limits.ts";
import type { Channel } from "../wire/channel.ts";
import type { MemoryShare } from "../wire/memory.ts";
import type { JsonObject } from "../wire/json.ts";
import type { CallId } from "../wire/message.ts";
import type { Agent } from "../wire/session/handshake.ts";
import type { ObjectFramer } from "./object-framer.ts";
import type { Abilities, Peer } from "./peer.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import type { PushedCommands } from "./pushed-commands.ts";

/** The role of this program on its machine. */
export type Role = "host" | "guest";

/** A virtio-serial port and its use by a dialect. */
export type DialectPort = {
  name: string;
  /** The role that sends first. */
  dialler: Role;
  /** The roles that may call over this port. On a port without the native dialect only the dialler may. */
  callers: Role | "both";
};

/** A row of the table of dialects. */
export type Dialect = {
  /** The name in `status --json`. */
  readonly name: string;
  /** The name in messages: "The peer (LABEL) …". */
  readonly label: string;
  /** The ports that carry it, in order of preference. */
  readonly ports: readonly DialectPort[];
  /** Our methods and notices that it can carry. */
  readonly can: Abilities;
};

/**
 * The meaning of a foreign peer's answer to our hello. `refused`: it speaks this dialect, and owes us
 * nothing. `reply`: it waits for these bytes first, and will then refuse.
 */
export type HelloAnswer = { kind: "refused" } | { kind: "reply"; bytes: Uint8Array };

/** Any dialect but the native one. On a port shared with the native one, the hello shows which is spoken. */
export type ForeignDialect = Dialect & {
  /** True if the object is a message of this dialect. */
  recognises(object: JsonObject): boolean;
  /**
   * Reads the meaning of a peer's object for our hello with this nonce; undefined if it is not about that
   * hello. Used only on shared ports.
   */
  readHelloAnswer(object: JsonObject, nonce: string): HelloAnswer | undefined;
  /** Cuts bytes into objects. Used only on unshared ports: on shared ones the session cuts them. */
  createFramer(limits: Limits, memory?: MemoryShare): ObjectFramer;
  /** Whether the peer runs only commands that this side keeps for it. */
  readonly takesPushed?: true;
  /** Creates the object through which this side calls the peer. */
  createPeer(link: PeerLine): ForeignPeer;
  /** Creates the object that answers the peer's calls. A dialect without it is only for calling. */
  createServer?(link: ServerLine): ForeignServer;
};

/** A foreign dialect in which the peer can call. */
export type ServingDialect = ForeignDialect & Required<Pick<ForeignDialect, "createServer">>;

/** The part of a dialect that a link needs which only answers. */
export type AnsweredDialect = Dialect &
  Pick<ServingDialect, "recognises" | "createFramer" | "createServer"> & {
    /** The methods that the peer can call. Default: those of the native dialect. */
    readonly methods?: "agent";
  };

/** Returns whether the peer can call in this dialect. */
export function canServe(dialect: ForeignDialect): dialect is ServingDialect {
  return dialect.createServer !== undefined;
}

/** Options of a foreign peer. */
export type PeerLine = {
  agent: Agent;
  makeId: () => string;
  limits: Pick<Limits, "foreignAnswerBytes">;
  /** Opens a channel for one call; the foreign peer closes it. Rejects when `signal` aborts. */
  dial: (signal: AbortSignal) => Promise<Channel>;
  /** True once a native agent is known to have replaced the foreign one. */
  isUpgraded: () => boolean;
  /**
   * The native peer that replaced the foreign one. Called after a call has met an agent of another dialect.
   * Rejects with `CLOSED` if that is not the native one.
   */
  upgradedPeer: (signal: AbortSignal) => Promise<Peer>;
  /** The commands that this side keeps for the peer; only a host keeps some. */
  pushed?: PushedCommands;
  /** All calls abort with it, for its reason. */
  life: AbortSignal;
};

/** `version`: null if the agent does not tell. `cannot`: each a phrase such as "cannot run commands: …". */
export type ForeignFacts = { version: string | null; cannot: readonly string[] };

/**
 * The most milliseconds for which a question of a user waits for missing facts. An idle agent answers within
 * milliseconds, through libvirt in some hundred.
 */
export const LEARN_MS = 250;

/** This side's contact with a foreign agent that is dialled for each call. */
export type ForeignContact = {
  /** The facts about the agent; undefined until it was asked. */
  readonly facts: ForeignFacts | undefined;
  /** Why the last contact failed, and since when contacts have failed; undefined after one that succeeded. */
  readonly failure: { error: NegotiatorError; since: Date } | undefined;
  /** Whether the agent was dialled since the contact began. */
  readonly wasTried: boolean;
  /**
   * Asks the agent for its facts if they are unknown, unless a call runs or a contact has just failed. Never
   * rejects.
   */
  learn(): Promise<void>;
  /** Begins a new contact: there may be another agent now. */
  renew(): void;
};

/** A peer that speaks a foreign dialect. */
export type ForeignPeer = Peer & {
  /** Its contact, if its agent tells facts about itself. */
  readonly contact?: ForeignContact;
  /** The number of waiting and running calls. */
  readonly callCount: number;
  /** Sends all calls that were not made yet to the agent that replaced this peer. */
  handOver(): void;
};

/** Options of a foreign server. */
export type ServerLine = {
  /**
   * Takes the peer's calls and notices. Answers every call. The server drops an answer for which its dialect
   * has no form.
   */
  serve: Serve;
  send: (bytes: Uint8Array) => void;
  /** The number of unwritten messages. While there are any, the server starts no further request. */
  unsent: () => number;
  makeId: () => CallId;
  limits: Limits;
  /** The memory of large answers, which all callers share. */
  answerMemory: AnswerMemory;
  /** The caller's share of the memory of all peers. */
  memory?: MemoryShare | undefined;
};

/** The part of it that the owner of a link gives. Callers of one link share memory by default. */
export type ForeignServing = Pick<ServerLine, "serve" | "makeId" | "limits"> &
  Partial<Pick<ServerLine, "answerMemory">> &
  Pick<ServerLine, "memory">;

/** Answers the calls of a foreign peer. */
export type ForeignServer = {
  /** Takes a message of the peer. Answers go to `send`. */
  take(object: JsonObject): void;
  /** Answers an invalid message. Without it, invalid messages are counted, and too many end the link. */
  takeFault?(error: NegotiatorError): void;
  /** Resolves when the server takes more messages; until then, the link reads no further ones. */
  ready?(): Promise<void>;
  /** Starts the next request, after a message was written. */
  resume(): void;
  /** Drops the waiting requests and cancels the running call: no peer would read an answer. */
  cancelAll(): void;
};
