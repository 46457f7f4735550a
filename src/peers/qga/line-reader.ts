/** Reads the lines of an agent from a channel, and finds the answer to a sync. */
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";

/** The lines of one channel. */
export type LineReader = {
  /** The next line. Rejects with `CLOSED` at the end of the channel, with `TOO_LARGE` for an endless line. */
  next(): Promise<Uint8Array>;
  /**
   * The next line that begins with the byte 0xFF, without this byte. Skips others. Rejects with `BAD_FRAME`
   * after too many lines.
   */
  nextAfterReset(): Promise<Uint8Array>;
};

/** A piece of a file has two thirds of it, as base64. Other answers are shorter. */
const LINE_BYTES = 1024 * 1024;
/** An agent has few answers left over from earlier clients. */
const MOST_LINES = 1024;
const NEWLINE = 0x0a;
const RESET = 0xff;

/** Creates a reader of what the channel carries from now on. */
export function createLineReader(channel: Channel): LineReader {
  const pieces = channel[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let lines = 0;

  const nextLine = async (): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      bytes += end === -1 ? rest.length : end;
      if (bytes > LINE_BYTES) throw tooLong(channel);
      if (end !== -1) {
        parts.push(rest.subarray(0, end));
        rest = rest.subarray(end + 1);
        return parts.length === 1 ? (parts[0] ?? rest) : Buffer.concat(parts);
      }
      parts.push(rest);
      const piece = await pieces.next();
      // An empty piece says that the far end has left, so the rest of the line will not come.
      if (piece.done === true || piece.value.length === 0) throw ended(channel);
      rest = piece.value;
    }
  };

  return {
    next: nextLine,
    async nextAfterReset() {
      while (++lines <= MOST_LINES) {
        const line = await nextLine();
        // An agent that was interrupted in a line puts the byte in the middle of what we read as one.
        const start = line.lastIndexOf(RESET);
        if (start !== -1) return line.subarray(start + 1);
      }
      throw tooMany(channel);
    },
  };
}

function tooMany({ label }: Channel): NegotiatorError {
  return new NegotiatorError(
    "BAD_FRAME",
    `The guest agent at "${label}" does not answer, but sends other lines`,
  );
}

function ended({ label }: Channel): NegotiatorError {
  return new NegotiatorError("CLOSED", `The channel "${label}" ended before the guest agent's answer`);
}

function tooLong({ label }: Channel): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `The guest agent at "${label}" sends a line without an end`);
}
