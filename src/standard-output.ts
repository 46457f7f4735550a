/**
 * Owns our stdout and stderr. node's streams for them take longer to load than all else at the start of a
 * command line, so this writes with Bun's sinks, on which those streams are built.
 */
import { errnoOf } from "./errors.ts";

/** The name of one of the two. */
export type OutputName = "stdout" | "stderr";

/** Takes the bytes of one stream, in the order of the calls. */
export type Sink = { write(bytes: string | Uint8Array): unknown; flush(): unknown };

/** A sink needs a descriptor. Without one, these errors come before any byte is written. */
const NO_DESCRIPTOR: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);
const DESCRIPTORS = { stdout: 1, stderr: 2 } as const satisfies Record<OutputName, number>;

let sinks: Partial<Record<OutputName, Sink>> = {};
let openTerminal: (name: OutputName) => Sink | undefined = () => undefined;
const lost: Partial<Record<OutputName, Error>> = {};

const SOON_MS = 50;

/** The two streams. It is an object so that tests can replace `write`. */
export const standardOutput = {
  /**
   * Writes in the order of the calls: at once, or later if the reader is slow. Resolves to true when the
   * system has taken all bytes, to false when it refuses them, for example because the reader is gone.
   */
  async write(name: OutputName, bytes: string | Uint8Array): Promise<boolean> {
    try {
      const sink = (sinks[name] ??= openSink(name));
      // Without a flush, the sink keeps a short text until the next turn of the event loop.
      await Promise.all([sink.write(bytes), sink.flush()]);
      return true;
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === undefined || !(thrown instanceof Error)) throw thrown;
      if (NO_DESCRIPTOR.has(errno)) return writeNow(DESCRIPTORS[name], bytes);
      if (errno !== "EPIPE") lost[name] ??= thrown;
      return false;
    }
  },

  /** Writes as `write` does, and waits a moment for a slow reader. The process may then still be writing. */
  async writeSoon(name: OutputName, text: string): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, SOON_MS);
    await Promise.race([standardOutput.write(name, text), late]);
    clearTimeout(timer);
  },

  /** Sets what opens a stream that is a terminal. It returns undefined for every other stream. */
  onTerminal(open: (name: OutputName) => Sink | undefined): void {
    openTerminal = open;
    sinks = {};
  },

  /**
   * The first error of that stream, such as a full disk. A reader such as `head` may close it early, so that
   * is not an error.
   */
  lost: (name: OutputName): Error | undefined => lost[name],
};

function openSink(name: OutputName): Sink {
  return openTerminal(name) ?? (name === "stdout" ? Bun.stdout : Bun.stderr).writer();
}

/** Writes without a new descriptor. Waits for the reader, so it is for the last words of a process. */
async function writeNow(fd: number, text: string | Uint8Array): Promise<boolean> {
  const { writeSync } = await import("node:fs");
  const bytes = Buffer.from(text);
  try {
    for (let start = 0; start < bytes.length;) start += writeSync(fd, bytes, start);
    return true;
  } catch {
    return false;
  }
}
