/** Keeps the messages inside a call until a listener is set. */

/** Takes one message. `value` is not checked. */
export type MessageListener = (name: string, value: unknown) => void;

/** The messages of one direction of a call. */
export type Mailbox = {
  /** Passes a message to the listener, or keeps it. */
  take: MessageListener;
  /** Sets the listener, and passes the kept messages to it. */
  listen(listener: MessageListener): void;
  /** Returns the kept messages, which stay. */
  peek(): KeptMessage[];
};

/** A message that no listener has taken. */
export type KeptMessage = { name: string; value: unknown };

import { countBytes } from "./json-bytes.ts";

/** A method listens soon after its start, so only a misbehaving peer can send more than this before. */
const KEPT_MESSAGES = 32;
const KEPT_BYTES = 16 * 1024;

/**
 * Creates a mailbox without a listener, which keeps the `first` messages. It drops messages beyond 32 more,
 * or 16 KiB, that no listener took.
 */
export function createMailbox(first: readonly KeptMessage[] = []): Mailbox {
  let listener: MessageListener | undefined;
  let kept: KeptMessage[] = [...first];
  let bytes = 0;

  return {
    take(name, value) {
      if (listener !== undefined) return listener(name, value);
      if (kept.length >= KEPT_MESSAGES) return;
      bytes += name.length + countBytes(value);
      if (bytes <= KEPT_BYTES) kept.push({ name, value });
    },
    listen(given) {
      listener = given;
      const waiting = kept;
      kept = [];
      for (const { name, value } of waiting) given(name, value);
    },
    peek: () => [...kept],
  };
}
