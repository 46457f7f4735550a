/**
 * Owns our stdout and stderr. node's streams for them take longer to load than all else at the start of a
 * command line, so this writes with Bun's sinks, on which those streams are built.
 */
import { errnoOf } from "./errors.ts";

/** The name of one of the two. */
export type OutputName = "stdout" | "stderr";

const sinks: Partial<Record<OutputName, Bun.FileSink>> = {};
let lost: Error | undefined;

/** The two streams. It is an object so that tests can replace `write`. */
export const standardOutput = {
  /**
   * Writes in the order of the calls: at once, or later if the reader is slow. Resolves to true when the
   * system has taken all bytes, to false when it refuses them, for example because the reader is gone.
   */
  async write(name: OutputName, bytes: string | Uint8Array): Promise<boolean> {
    try {
      const sink = (sinks[name] ??= (name === "stdout" ? Bun.stdout : Bun.stderr).writer());
      // Without a flush, the sink keeps a short text until the next turn of the event loop.
      await Promise.all([sink.write(bytes), sink.flush()]);
      return true;
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === undefined || !(thrown instanceof Error)) throw thrown;
      if (name === "stdout" && errno !== "EPIPE") lost ??= thrown;
      return false;
    }
  },

  /**
   * The first error of stdout, such as a full disk. A reader such as `head` may close our stdout early, so
   * that is not an error.
   */
  get lost(): Error | undefined {
    return lost;
  },
};
