/** Collects the input of a call, for a dialect that sends it in one piece. */
import { NegotiatorError } from "../../errors.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/** The input of one call. */
export type InputCollector = {
  writer: StreamWriter;
  /** All of the input, once the writer has ended. */
  bytes: Promise<Uint8Array>;
};

/**
 * Creates a collector. A write beyond `limitBytes` rejects with `TOO_LARGE`, and so does `bytes`. With a
 * limit of 0 the error is `UNSUPPORTED`.
 */
export function createInputCollector(options: { limitBytes: number; label: string }): InputCollector {
  const { limitBytes, label } = options;
  const { promise: bytes, resolve, reject } = Promise.withResolvers<Uint8Array>();
  bytes.catch(() => undefined);
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    bytes,
    writer: {
      get sentBytes() {
        return length;
      },
      write(part) {
        length += part.length;
        parts.push(new Uint8Array(part));
        if (length <= limitBytes) return Promise.resolve();
        parts.length = 0;
        const error = tooMuchInput(limitBytes, label);
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

function tooMuchInput(limitBytes: number, label: string): NegotiatorError {
  if (limitBytes > 0)
    return new NegotiatorError(
      "TOO_LARGE",
      `The peer (${label}) takes at most ${limitBytes} bytes of input`,
      {
        remedy: "Send less, in several calls",
      },
    );
  return new NegotiatorError("UNSUPPORTED", `The peer (${label}) takes no input for a command`, {
    remedy: "Call again without input: add -n to execute, or </dev/null",
  });
}
