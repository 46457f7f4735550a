/** Our standard input as the input of several commands, each of which gets all of it. */
import { fstatSync, read } from "node:fs";
import { errnoOf, NegotiatorError } from "../../../errors.ts";
import { moveOffset } from "../../../process/libc.ts";
import type { StreamWriter } from "../../../wire/calls/stream-writer.ts";

const STDIN = 0;
const CHUNK_BYTES = 64 * 1024;

/** A file that each command reads from the same place. Disposing moves its offset behind what was sent. */
export type SharedInput = Disposable & {
  /** Sends the file and ends the stream. Rejects with `CANCELLED` if our file cannot be read. */
  send(stdin: StreamWriter): Promise<void>;
};

/** The kinds of our standard input: a file to share, a stream that can be read only once, or nothing. */
export type InputKind = "file" | "stream" | "none";

/** Returns what it is. A terminal and other devices count as nothing. */
export function inputKind(): InputKind {
  try {
    const facts = fstatSync(STDIN);
    if (facts.isFile()) return "file";
    return facts.isFIFO() || facts.isSocket() ? "stream" : "none";
  } catch {
    // It is closed.
    return "none";
  }
}

/** Opens our standard input, which must be a file. */
export function openSharedInput(): SharedInput {
  const start = moveOffset(STDIN, 0);
  let sentBytes = 0;
  return {
    async send(stdin) {
      const room = new Uint8Array(CHUNK_BYTES);
      for (let offset = start; ;) {
        const count = await readAt(room, offset);
        if (count === 0) return stdin.end();
        offset += count;
        sentBytes = Math.max(sentBytes, offset - start);
        try {
          await stdin.write(room.slice(0, count));
        } catch {
          // The command has stopped reading, or its call has ended.
          return undefined;
        }
      }
    },
    [Symbol.dispose]() {
      moveOffset(STDIN, sentBytes);
    },
  };
}

function readAt(room: Uint8Array, offset: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  read(STDIN, room, 0, room.length, offset, (error, count) => {
    if (error === null) return resolve(count);
    const problem = `Cannot read standard input: ${errnoOf(error) ?? error.message}`;
    reject(
      new NegotiatorError("CANCELLED", problem, {
        remedy: "Call again with the whole input; the command was cancelled, because it had only a part",
      }),
    );
  });
  return promise;
}
