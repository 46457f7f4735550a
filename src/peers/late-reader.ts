/** A stream that can be read before its source is known. */
import type { NegotiatorError } from "../errors.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";

/** A reader that waits for its source. */
export type LateReader = {
  readonly reader: StreamReader;
  /** Gives the reader its source. */
  from(source: StreamReader): void;
  /** There will be no source: reading rejects with `error`. */
  fail(error: NegotiatorError): void;
};

/** A reader without a source. A cancel before the source is known cancels the source. */
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

/** A stream of these bytes, in one piece; an empty stream without them. */
export function readBytes(bytes: Uint8Array = new Uint8Array(0)): StreamReader {
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
