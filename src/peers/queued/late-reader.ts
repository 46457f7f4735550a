/** A stream that can be read before its source exists. */
import type { NegotiatorError } from "../../errors.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";

/** A reader without a source yet. */
export type LateReader = {
  readonly reader: StreamReader;
  /** Sets the source. The reader gives its bytes. */
  from(source: StreamReader): void;
  /** Makes reading reject with `error`, because there will be no source. */
  fail(error: NegotiatorError): void;
};

/** Creates a reader without a source. A cancel before the source is set cancels the source later. */
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

/** A stream of these bytes in one chunk; an empty stream without them. */
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
