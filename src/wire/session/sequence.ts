/** The order of a session's numbered messages: numbers, acknowledgements, and resends after a cut. */
import type { Limits } from "../../limits.ts";
import { encodeNative } from "../dialects/native.ts";
import type { ChunkForm } from "../dialects/native.ts";
import { createOwnMemory } from "../memory.ts";
import type { MemoryShare } from "../memory.ts";
import type { Message } from "../message.ts";
import { createBufferPool } from "./buffer-pool.ts";

/** Numbers sent messages, and checks the numbers of received ones. */
export type Sequence = {
  /** Number of the last message received in order. */
  readonly received: number;
  /**
   * Whether another message may be sent before the peer acknowledges some: a message of a stream's contents,
   * or any other. A notice has its own credit.
   */
  hasRoom(kind: "data" | "other"): boolean;
  /** Whether the peer has acknowledged all messages that were sent. */
  readonly isAcknowledged: boolean;
  /** The number of notices that were sent and not acknowledged. */
  readonly unacknowledgedNotices: number;
  /** `due`: an acknowledgement must go out now. `pending`: it can wait. `none`: it is not needed. */
  readonly acknowledgement: "none" | "pending" | "due";
  /** Sets the message's number, keeps its bytes, and returns them. */
  number(message: Message): Uint8Array;
  /** Returns the next message that is to be sent again; undefined when there is none. */
  resend(): Uint8Array | undefined;
  /** Counts a received message. `duplicate`: it came before. `gap`: a message before it is missing. */
  take(seq: number, bytes: number): "next" | "duplicate" | "gap";
  /** Makes a pending acknowledgement due. */
  flushAcknowledgement(): void;
  /** Returns the number to acknowledge, and marks it as acknowledged. */
  acknowledge(): number;
  /**
   * The peer has received everything up to `seq`. Returns the number of released messages; undefined when
   * `seq` was never sent.
   */
  release(seq: number): number | undefined;
  /**
   * An epoch begins: releases up to `seq`, and sends the rest again. Returns false when that is impossible.
   */
  rewind(seq: number): boolean;
  /** Gives the memory of the kept messages back. Nothing is sent again after that. */
  drop(): void;
  freeze(): FrozenSequence;
};

/** A sequence as plain data. `kept` are the messages that the peer has not acknowledged. */
export type FrozenSequence = {
  sent: number;
  received: number;
  kept: readonly Kept[];
  /** Index in `kept` of the next message to send again. */
  cursor: number;
};

type MessageClass = "data" | "notice" | "other";
type Kept = { bytes: Uint8Array; class: MessageClass };

/** So many bytes may wait for an acknowledgement, however much other peers hold. */
const SURE_BYTES = { data: 128 * 1024, other: 64 * 1024 } as const;

/** An acknowledgement is due after so many messages or bytes. */
const ACK_MESSAGES = 32;
const ACK_BYTES = 256 * 1024;

/**
 * Creates a sequence that begins at 1 in both directions, or a frozen one again. The limits bound the
 * unacknowledged messages; one more message is let through, so that any message fits. The messages count as
 * memory of the peer. While all peers together hold much, fewer may wait.
 */
export function createSequence(
  limits: Pick<Limits, "unacknowledgedBytes" | "unacknowledgedDataBytes">,
  chunkForm: () => ChunkForm,
  memory: MemoryShare = createOwnMemory(),
  frozen?: FrozenSequence,
): Sequence {
  const room = { data: limits.unacknowledgedDataBytes, other: limits.unacknowledgedBytes };
  const keptBytes = { data: 0, notice: 0, other: 0 };
  const kept: Kept[] = [];
  const pool = createBufferPool();
  let { cursor = 0, sent = 0, received = 0 }: Partial<FrozenSequence> = frozen ?? {};
  // The peer may wait for an acknowledgement, so the first one is due at once.
  let newMessages = received > 0 ? 1 : 0;
  let newBytes = 0;
  let isFlushed = received > 0;

  const keep = (message: Kept): void => {
    kept.push(message);
    keptBytes[message.class] += message.bytes.length;
    memory.charge(message.bytes.length);
  };
  for (const message of frozen?.kept ?? []) keep(message);

  const firstKept = (): number => sent - kept.length + 1;

  const release = (seq: number): number | undefined => {
    const first = firstKept();
    // An acknowledgement may come late, after a newer one.
    if (seq < first) return seq <= sent ? 0 : undefined;
    if (seq > sent) return undefined;
    const released = kept.splice(0, seq - first + 1);
    for (const message of released) {
      keptBytes[message.class] -= message.bytes.length;
      memory.give(message.bytes.length);
      // The peer has the whole message, so no write of it is under way.
      pool.give(message.bytes);
    }
    cursor = Math.max(0, cursor - released.length);
    return released.length;
  };

  return {
    get received() {
      return received;
    },
    hasRoom: (kind) =>
      keptBytes[kind] < (memory.isRoomy ? room[kind] : Math.min(room[kind], SURE_BYTES[kind])),
    get isAcknowledged() {
      return kept.length === 0;
    },
    get unacknowledgedNotices() {
      return kept.filter((message) => message.class === "notice").length;
    },
    get acknowledgement() {
      if (newMessages === 0) return "none";
      return isFlushed || newMessages >= ACK_MESSAGES || newBytes >= ACK_BYTES ? "due" : "pending";
    },
    number(message) {
      sent++;
      message.seq = sent;
      const bytes = encodeNative(message, chunkForm(), pool.take);
      keep({ bytes, class: classOf(message) });
      cursor = kept.length;
      return bytes;
    },
    resend: () => kept[cursor] && kept[cursor++]?.bytes,
    take(seq, bytes) {
      if (seq <= received) return "duplicate";
      if (seq > received + 1) return "gap";
      received = seq;
      newMessages++;
      newBytes += bytes;
      return "next";
    },
    flushAcknowledgement() {
      isFlushed = newMessages > 0;
    },
    acknowledge() {
      newMessages = newBytes = 0;
      isFlushed = false;
      return received;
    },
    release,
    drop() {
      // The list stays, because it says which notices were lost.
      for (const { bytes } of kept) memory.give(bytes.length);
    },
    rewind(seq) {
      if (seq < firstKept() - 1 || release(seq) === undefined) return false;
      cursor = 0;
      return true;
    },
    freeze: () => ({ sent, received, kept: [...kept], cursor }),
  };
}

function classOf({ kind }: Message): MessageClass {
  if (kind === "data" || kind === "end") return "data";
  return kind === "notice" ? "notice" : "other";
}
