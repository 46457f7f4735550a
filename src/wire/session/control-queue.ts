/** The lines without a number: hellos, acknowledgements, pings, complaints. They go out before all others. */
import { native } from "../dialects/native.ts";
import type { MessageBody } from "../message.ts";

/** A queue of lines. */
export type ControlQueue = {
  /** The number of waiting lines. */
  readonly length: number;
  /** Adds a message. */
  push(message: MessageBody): void;
  /** Adds the bytes of a line. */
  pushBytes(bytes: Uint8Array): void;
  /** Adds one pong after all other lines. More calls before it goes out add no further pong. */
  answerPing(): void;
  /** Removes and returns the next line; undefined when there is none. */
  shift(): Uint8Array | undefined;
  /** Removes all lines, and the pong. */
  clear(): void;
  /** Returns the waiting lines, which stay; the pong is the last one. */
  peek(): Uint8Array[];
};

/** Creates an empty queue. `onOutput` is called when `shift` has something to return. */
export function createControlQueue(onOutput: () => void): ControlQueue {
  const lines: Uint8Array[] = [];
  let owesPong = false;

  const pushBytes = (bytes: Uint8Array): void => {
    lines.push(bytes);
    onOutput();
  };

  return {
    get length() {
      return lines.length;
    },
    push: (message) => pushBytes(native.encode(message)),
    pushBytes,
    answerPing() {
      owesPong = true;
      onOutput();
    },
    shift() {
      const line = lines.shift();
      if (line !== undefined || !owesPong) return line;
      owesPong = false;
      return native.encode({ kind: "pong" });
    },
    clear() {
      lines.length = 0;
      owesPong = false;
    },
    peek: () => (owesPong ? [...lines, native.encode({ kind: "pong" })] : [...lines]),
  };
}
