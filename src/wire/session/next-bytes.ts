/** Picks the bytes that a session sends next, within what the peer's silence allows. */
import { native } from "../dialects/native.ts";
import type { ControlQueue } from "./control-queue.ts";
import type { Conversation } from "./conversation.ts";
import type { Silence } from "./silence.ts";
import type { Status } from "./status.ts";

type Parts = {
  status: Status;
  controlQueue: ControlQueue;
  conversation: Conversation;
  /** Undefined on a side that never holds messages back. */
  silence: Silence | undefined;
};

const PING = native.encode({ kind: "ping" });

/**
 * Returns a function that returns the next bytes to write, at most one message; undefined when there are none
 * now.
 */
export function createNextBytes(parts: Parts): () => Uint8Array | undefined {
  const { status, controlQueue, conversation, silence } = parts;

  const nextWaiting = (): Uint8Array | undefined =>
    controlQueue.shift() ?? (status.state === "open" ? conversation.next() : undefined);

  const isWaiting = (): boolean => controlQueue.length > 0 || conversation.isWaiting;

  const nextAllowed = (held: Silence): Uint8Array | undefined => {
    const { permission } = held;
    if (permission === "nothing") return undefined;
    const bytes = permission === "all" ? nextWaiting() : undefined;
    if (bytes !== undefined) held.send();
    else if (permission === "ask" ? isWaiting() : held.drain()) {
      held.ask();
      return PING;
    }
    return bytes;
  };

  return () => (silence !== undefined && status.state === "open" ? nextAllowed(silence) : nextWaiting());
}
