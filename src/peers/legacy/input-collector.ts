/** Input for a peer that takes it in one piece, as text. */
import { NegotiatorError } from "../../errors.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/** An old server keeps several copies of its input in memory. */
const INPUT_BYTES = 8 * 1024 * 1024;

export type InputCollector = {
  writer: StreamWriter;
  /** All of it, when it has ended. Rejects with `BAD_REQUEST` when it is not UTF-8. */
  text: Promise<string>;
};

/** A write past 8 MiB rejects with `TOO_LARGE`, and so does `text`. */
export function createInputCollector(): InputCollector {
  const { promise: text, resolve, reject } = Promise.withResolvers<string>();
  text.catch(() => {});
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    text,
    writer: {
      stopped: new AbortController().signal,
      write(bytes) {
        length += bytes.length;
        parts.push(bytes.slice());
        if (length <= INPUT_BYTES) return Promise.resolve();
        const error = new NegotiatorError(
          "TOO_LARGE",
          `An old agent takes ${INPUT_BYTES} bytes of input at most`,
        );
        parts.length = 0;
        reject(error);
        return Promise.reject(error);
      },
      end() {
        try {
          resolve(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts)));
        } catch (cause) {
          reject(
            new NegotiatorError("BAD_REQUEST", "An old agent takes only UTF-8 text as input", { cause }),
          );
        }
        parts.length = 0;
      },
    },
  };
}
