/** Collects the input of a call, for a dialect that sends it in one piece. */
import { NegotiatorError } from "../../errors.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/** The input of one call. */
export type InputCollector = {
  writer: StreamWriter;
  /** All of the input, once the writer has ended. */
  bytes: Promise<Uint8Array>;
};

/** Creates a collector. A write beyond `limitBytes` rejects with `TOO_LARGE`, and so does `bytes`. */
export function createInputCollector(options: { limitBytes: number; label: string }): InputCollector {
  const { limitBytes, label } = options;
  const { promise: bytes, resolve, reject } = Promise.withResolvers<Uint8Array>();
  bytes.catch(() => undefined);
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    bytes,
    writer: {
      stopped: new AbortController().signal,
      write(part) {
        length += part.length;
        parts.push(part.slice());
        if (length <= limitBytes) return Promise.resolve();
        parts.length = 0;
        const message = `The peer (${label}) takes at most ${limitBytes} bytes of input`;
        const error = new NegotiatorError("TOO_LARGE", message);
        reject(error);
        return Promise.reject(error);
      },
      end() {
        resolve(Buffer.concat(parts));
        parts.length = 0;
      },
    },
  };
}
