/** The lines of a session that have no place in its order: hellos, acknowledgements, pings, complaints. They go first. */
import { native } from "../dialects/native.ts";
import type { MessageBody } from "../message.ts";

export type ControlQueue = {
  /** Lines that wait. */
  readonly length: number;
  write(bytes: Uint8Array): void;
  say(message: MessageBody): void;
  /** Answers a ping, or however many came since the last answer went out. */
  pong(): void;
  shift(): Uint8Array | undefined;
  clear(): void;
};

/** `onOutput` is called when there is something to shift. */
export function createControlQueue(onOutput: () => void): ControlQueue {
  const lines: Uint8Array[] = [];
  let owesPong = false;

  const write = (bytes: Uint8Array): void => {
    lines.push(bytes);
    onOutput();
  };

  return {
    get length() {
      return lines.length;
    },
    write,
    say: (message) => write(native.encode(message)),
    pong() {
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
  };
}
