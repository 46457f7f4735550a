/** Reads the bytes of a dialler's channel: first the answer to its hello, then native messages. */
import { UNASKED_MARKS } from "../../limits.ts";
import type { Limits } from "../../limits.ts";
import { native } from "../dialects/native.ts";
import { parseJsonObject } from "../json.ts";
import { ignored } from "../reading.ts";
import type { Reading } from "../reading.ts";
import { skip } from "./listener-reader.ts";
import type { FrameReader } from "./listener-reader.ts";
import { createMessageReader, TORN } from "./message-reader.ts";
import type { MessageReaderOptions } from "./message-reader.ts";
import { createObjectFinder } from "./object-finder.ts";
import type { ObjectFinder } from "./object-finder.ts";
import { beginsOldObject, isNative } from "./openings.ts";

/** The reader of a dialler. It reads nothing before the first `expectAnswer`. */
export type DiallerReader = FrameReader & {
  /**
   * A hello with this nonce was sent. All bytes before its answer are ignored, but for the messages of an old
   * peer that may be about the hello.
   */
  expectAnswer(nonce: string): void;
};

/** Creates the reader of a dialler. */
export function createDiallerReader(
  limits: Pick<Limits, "lineBytes">,
  options: Omit<MessageReaderOptions, "needsChecksum">,
): DiallerReader {
  const messages = createMessageReader(limits, { ...options, needsChecksum: false });
  let finder: ObjectFinder | undefined;
  let nonce = Buffer.alloc(0);
  let isOrdered = false;

  const lose = (): void => {
    isOrdered = false;
    messages.drop();
  };

  function* read(bytes: Uint8Array): Generator<Reading, void, undefined> {
    for (let rest = bytes; rest.length > 0;) {
      if (!isOrdered) return;
      const { taken, reading } = messages.take(rest);
      rest = rest.subarray(taken);
      if (reading?.kind === "broken") lose();
      if (reading !== undefined) yield reading;
    }
  }

  /** The nonce is new with its hello, so an object that holds it is about the hello. */
  const readObject = (bytes: Uint8Array, isPrefixed: boolean): Reading | undefined => {
    const isAboutHello = Buffer.from(bytes).includes(nonce);
    if (isAboutHello && isNative(bytes)) return readAnswer(bytes, nonce.toString());
    return isAboutHello || (isPrefixed && beginsOldObject(bytes)) ? readForeign(bytes) : undefined;
  };

  return {
    get hasBegun() {
      return messages.hasBegun;
    },
    *push(bytes) {
      let rest = bytes;
      while (finder !== undefined && rest.length > 0) {
        const found = finder.push(rest);
        if (found === undefined) return;
        ({ rest } = found);
        const reading = "bytes" in found ? readObject(found.bytes, found.isPrefixed) : undefined;
        if (reading?.kind === "native") {
          finder.drop();
          finder = undefined;
          isOrdered = true;
        }
        if (reading !== undefined) yield reading;
      }
      yield* read(rest);
    },
    drop() {
      if (!messages.hasBegun) return undefined;
      lose();
      return TORN;
    },
    lose,
    freeze: () => ({ isOrdered, isGreeted: true, begun: messages.peek() }),
    thaw(frozen) {
      ({ isOrdered } = frozen);
      skip(read(frozen.begun));
    },
    reset() {
      finder?.drop();
      finder = undefined;
      lose();
    },
    expectAnswer(given) {
      lose();
      nonce = Buffer.from(given);
      finder?.drop();
      finder = createObjectFinder(limits.lineBytes, options.memory);
    },
  };
}

function readAnswer(bytes: Uint8Array, nonce: string): Reading | undefined {
  try {
    const message = native.decode(parseJsonObject(bytes, UNASKED_MARKS));
    const isAnswer = (message.kind === "result" || message.kind === "failure") && message.id === nonce;
    return isAnswer ? { kind: "native", message, bytes: bytes.length } : ignored(bytes.length);
  } catch {
    return ignored(bytes.length);
  }
}

function readForeign(bytes: Uint8Array): Reading | undefined {
  try {
    const object = parseJsonObject(bytes, UNASKED_MARKS);
    return native.recognises(object)
      ? ignored(bytes.length)
      : { kind: "foreign", object, bytes: bytes.length };
  } catch {
    return ignored(bytes.length);
  }
}
