/** A stream that can be read before it is known where it comes from. */
import type { NegotiatorError } from "../../errors.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";

export type LateReader = {
  readonly reader: StreamReader;
  /** Gives what the reader is to read. */
  from(source: StreamReader): void;
  /** There will be no source: the reader throws. */
  fail(error: NegotiatorError): void;
};

export function createLateReader(): LateReader {
  const { promise, resolve, reject } = Promise.withResolvers<StreamReader>();
  promise.catch(() => undefined);
  let source: StreamReader | undefined;
  let isCancelled = false;

  return {
    reader: {
      get bytes() {
        return source?.bytes ?? 0;
      },
      get isTruncated() {
        return source?.isTruncated ?? false;
      },
      get missedBytes() {
        return source?.missedBytes ?? 0;
      },
      cancel() {
        isCancelled = true;
        source?.cancel();
      },
      async *[Symbol.asyncIterator]() {
        yield* await promise;
      },
    },
    from(given) {
      source = given;
      if (isCancelled) given.cancel();
      resolve(given);
    },
    fail: reject,
  };
}

/** A stream of that text, in one piece. */
export function readText(text: string): StreamReader {
  const bytes = new TextEncoder().encode(text);
  return {
    bytes: bytes.length,
    isTruncated: false,
    missedBytes: 0,
    cancel: () => undefined,
    async *[Symbol.asyncIterator]() {
      if (bytes.length > 0) yield bytes;
    },
  };
}
