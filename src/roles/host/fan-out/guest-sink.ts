/** Takes the output of one guest's command: as lines on our streams, into files, or into memory. */
import type { OutputName } from "../../../standard-output.ts";

/** Takes the output of one command. */
export type GuestSink = {
  /** Resolves to false when the bytes cannot be taken because our own reader is gone. */
  write(stream: OutputName, bytes: Uint8Array): Promise<boolean>;
  /** The command has ended. */
  end(): Promise<void>;
};

/** Writes bytes to one of our streams, as `standardOutput.write` does. */
export type WriteStream = (stream: OutputName, bytes: Uint8Array) => Promise<boolean>;

/** Most bytes of a line that are held. A longer line is written in pieces. */
const MOST_LINE_BYTES = 64 * 1024;
const LINE_END = 10;

/** Options of a sink that writes lines. */
export type LineSinkOptions = {
  /** Stands before each line. */
  prefix: string;
  /** Makes the bytes of a stream harmless; leaves them as they are for a pipe. */
  filters: Record<OutputName, { push(bytes: Uint8Array): Uint8Array; end(): Uint8Array }>;
  write: WriteStream;
};

/** Writes only whole lines, each behind the prefix. A last line without an end gets one. */
export function createLineSink({ prefix, filters, write }: LineSinkOptions): GuestSink {
  const start = Buffer.from(prefix);
  const held: Record<OutputName, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };

  const takeLines = async (stream: OutputName, bytes: Uint8Array): Promise<boolean> => {
    let rest = Buffer.concat([held[stream], bytes]);
    const pieces: Uint8Array[] = [];
    while (rest.length > 0) {
      const index = rest.indexOf(LINE_END);
      const end = index === -1 || index > MOST_LINE_BYTES ? MOST_LINE_BYTES : index;
      if (end >= rest.length) break;
      pieces.push(start, rest.subarray(0, end), NEW_LINE);
      rest = rest.subarray(index === end ? end + 1 : end);
    }
    held[stream] = Buffer.from(rest);
    return pieces.length === 0 || write(stream, Buffer.concat(pieces));
  };

  return {
    write: (stream, bytes) => takeLines(stream, filters[stream].push(bytes)),
    async end() {
      for (const stream of ["stdout", "stderr"] as const) {
        await takeLines(stream, filters[stream].end());
        if (held[stream].length > 0) await write(stream, Buffer.concat([start, held[stream], NEW_LINE]));
        held[stream] = Buffer.alloc(0);
      }
    },
  };
}

const NEW_LINE = Buffer.from("\n");

/** Most bytes of each stream that are kept in memory. */
const MOST_KEPT_BYTES = 256 * 1024;

/** A sink in memory. `texts` has U+FFFD in place of bytes that are not UTF-8. */
export type MemorySink = GuestSink & {
  readonly isTruncated: boolean;
  texts(): Record<OutputName, string>;
};

/** Keeps the beginning of each stream. */
export function createMemorySink(): MemorySink {
  const parts: Record<OutputName, Uint8Array[]> = { stdout: [], stderr: [] };
  const lengths = { stdout: 0, stderr: 0 };
  let isTruncated = false;
  const textOf = (stream: OutputName): string => new TextDecoder().decode(Buffer.concat(parts[stream]));
  return {
    get isTruncated() {
      return isTruncated;
    },
    write(stream, bytes) {
      const kept = bytes.slice(0, MOST_KEPT_BYTES - lengths[stream]);
      lengths[stream] += kept.length;
      isTruncated ||= kept.length < bytes.length;
      if (kept.length > 0) parts[stream].push(kept);
      return Promise.resolve(true);
    },
    end: () => Promise.resolve(),
    texts: () => ({ stdout: textOf("stdout"), stderr: textOf("stderr") }),
  };
}
