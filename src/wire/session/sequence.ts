/** The order of a session's numbered messages: numbers, acknowledgements, and resends after a cut. */
import type { MessageBody } from "../message.ts";
import { native } from "../dialects/native.ts";

/** Numbers sent messages, and checks the numbers of received ones. */
export type Sequence = {
  /** Number of the last message received in order. */
  readonly received: number;
  /** Whether another message may be sent before the peer acknowledges some. */
  readonly hasRoom: boolean;
  /** The number of notices that were sent and not acknowledged. */
  readonly unacknowledgedNotices: number;
  /** `due`: an acknowledgement must go out now. `pending`: it can wait. `none`: it is not needed. */
  readonly acknowledgement: "none" | "pending" | "due";
  /** Gives the message its number, keeps it, and returns its bytes. */
  number(message: MessageBody): Uint8Array;
  /** Returns the next message that is to be sent again; undefined when there is none. */
  resend(): Uint8Array | undefined;
  /** Counts a received message. `duplicate`: it came before. `gap`: a message before it is missing. */
  take(seq: number, bytes: number): "next" | "duplicate" | "gap";
  /** Makes a pending acknowledgement due. */
  flushAcknowledgement(): void;
  /** Returns the number to acknowledge, and marks it as acknowledged. */
  acknowledge(): number;
  /** The peer has received everything up to `seq`. Returns false when that is impossible. */
  release(seq: number): boolean;
  /**
   * An epoch begins: releases up to `seq`, and sends the rest again. Returns false when that is impossible.
   */
  rewind(seq: number): boolean;
};

/** An acknowledgement is due after so many messages or bytes. */
const ACK_MESSAGES = 16;
const ACK_BYTES = 128 * 1024;

/**
 * Creates a sequence that begins at 1 in both directions. `roomBytes` bounds the unacknowledged messages;
 * one more message is let through, so that any message fits.
 */
export function createSequence(roomBytes: number): Sequence {
  const kept: { bytes: Uint8Array; isNotice: boolean }[] = [];
  let keptBytes = 0;
  /** Index in `kept` of the next message to send again. */
  let cursor = 0;
  let sent = 0;
  let received = 0;
  let newMessages = 0;
  let newBytes = 0;
  let isFlushed = false;

  const release = (seq: number): boolean => {
    const first = sent - kept.length + 1;
    if (seq < first - 1 || seq > sent) return false;
    const released = kept.splice(0, seq - first + 1);
    for (const { bytes } of released) keptBytes -= bytes.length;
    cursor = Math.max(0, cursor - released.length);
    return true;
  };

  return {
    get received() {
      return received;
    },
    get hasRoom() {
      return keptBytes < roomBytes;
    },
    get unacknowledgedNotices() {
      return kept.filter(({ isNotice }) => isNotice).length;
    },
    get acknowledgement() {
      if (newMessages === 0) return "none";
      return isFlushed || newMessages >= ACK_MESSAGES || newBytes >= ACK_BYTES ? "due" : "pending";
    },
    number(message) {
      sent++;
      const bytes = native.encode({ ...message, seq: sent });
      kept.push({ bytes, isNotice: message.kind === "notice" });
      keptBytes += bytes.length;
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
    rewind(seq) {
      if (!release(seq)) return false;
      cursor = 0;
      return true;
    },
  };
}
