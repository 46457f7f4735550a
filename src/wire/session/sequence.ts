/** The order of a session's counted messages: numbers, acknowledgement, and the resend of what a cut swallowed. */
import type { MessageBody } from "../message.ts";
import { native } from "../dialects/native.ts";

export type Sequence = {
  /** Number of the last message taken from the peer. */
  readonly received: number;
  /** Whether the peer has acknowledged enough for another message to be sent. */
  readonly hasRoom: boolean;
  /** Whether messages were sent that the peer has not acknowledged. */
  readonly isAwaited: boolean;
  /** Whether enough came since the last acknowledgement that one should go out at once, or any came at all. */
  readonly acknowledgement: "none" | "pending" | "due";
  /** Gives the message its number, keeps it, and returns its bytes. */
  number(message: MessageBody): Uint8Array;
  /** The next kept message that has to go out again. */
  resend(): Uint8Array | undefined;
  /** Takes note of a message from the peer: to be carried out, seen before, or after something that is missing. */
  take(seq: number, bytes: number): "next" | "duplicate" | "gap";
  /** What is pending is due now. */
  hasten(): void;
  /** The number to acknowledge; counts as told. */
  acknowledge(): number;
  /** The peer has seen everything up to `seq`. False when it cannot have. */
  release(seq: number): boolean;
  /** A new epoch: the peer has seen everything up to `seq`, the rest goes out again. False when that cannot be. */
  rewind(seq: number): boolean;
};

/** An acknowledgement goes out at once after so many messages or bytes; fewer wait until they are hastened. */
const ACK_MESSAGES = 16;
const ACK_BYTES = 128 * 1024;

/** `roomBytes` bounds what is kept for a resend; one message more is let through, so that any message fits. */
export function createSequence(roomBytes: number): Sequence {
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  /** Index in `kept` of the next message to resend; at its end there is none. */
  let cursor = 0;
  let sent = 0;
  let received = 0;
  let newMessages = 0;
  let newBytes = 0;
  let isHastened = false;

  const release = (seq: number): boolean => {
    const first = sent - kept.length + 1;
    if (seq < first - 1 || seq > sent) return false;
    const gone = kept.splice(0, seq - first + 1);
    for (const bytes of gone) keptBytes -= bytes.length;
    cursor = Math.max(0, cursor - gone.length);
    return true;
  };

  return {
    get received() {
      return received;
    },
    get hasRoom() {
      return keptBytes < roomBytes;
    },
    get isAwaited() {
      return kept.length > 0;
    },
    get acknowledgement() {
      if (newMessages === 0) return "none";
      return isHastened || newMessages >= ACK_MESSAGES || newBytes >= ACK_BYTES ? "due" : "pending";
    },
    number(message) {
      sent++;
      const bytes = native.encode({ ...message, seq: sent });
      kept.push(bytes);
      keptBytes += bytes.length;
      cursor = kept.length;
      return bytes;
    },
    resend: () => kept[cursor] && kept[cursor++],
    take(seq, bytes) {
      if (seq <= received) return "duplicate";
      if (seq > received + 1) return "gap";
      received = seq;
      newMessages++;
      newBytes += bytes;
      return "next";
    },
    hasten() {
      isHastened = newMessages > 0;
    },
    acknowledge() {
      newMessages = newBytes = 0;
      isHastened = false;
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
