/** Reads the bytes of a dialler's channel: first the answer to its hello, then native messages. */
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { native } from "../dialects/native.ts";
import type { JsonObject } from "../json.ts";
import type { Reading } from "../reading.ts";
import { createAnswerFinder } from "./answer-finder.ts";
import type { AnswerFinder } from "./answer-finder.ts";
import type { FrameReader } from "./listener-reader.ts";
import { TORN } from "./listener-reader.ts";
import { createMessageReader } from "./message-reader.ts";

/** The reader of a dialler. It reads nothing before the first `expectAnswer`. */
export type DiallerReader = FrameReader & {
  /** A hello with this nonce was sent: its answer comes next. All bytes before the answer are ignored. */
  expectAnswer(nonce: string): void;
};

/** Creates the reader of a dialler. */
export function createDiallerReader(limits: Pick<Limits, "lineBytes">): DiallerReader {
  const messages = createMessageReader(limits, { needsChecksum: false });
  let finder: AnswerFinder | undefined;
  let isOrdered = false;

  const lose = (): void => {
    isOrdered = false;
    messages.drop();
  };

  function* read(bytes: Uint8Array): Generator<Reading, void, undefined> {
    for (let rest = bytes; rest.length > 0 && isOrdered;) {
      const { taken, reading } = messages.take(rest);
      rest = rest.subarray(taken);
      if (reading?.kind === "broken") lose();
      if (reading !== undefined) yield reading;
    }
  }

  return {
    get hasBegun() {
      return messages.hasBegun;
    },
    *push(bytes) {
      if (finder === undefined) return yield* read(bytes);
      const answer = finder.push(bytes);
      if (answer === undefined) return;
      finder = undefined;
      const reading = readAnswer(answer.object);
      isOrdered = reading.kind !== "broken";
      yield reading;
      yield* read(answer.rest);
    },
    drop() {
      if (!messages.hasBegun) return undefined;
      lose();
      return { kind: "broken", error: TORN };
    },
    lose,
    reset() {
      finder = undefined;
      lose();
    },
    expectAnswer(nonce) {
      lose();
      finder = createAnswerFinder(nonce, limits.lineBytes);
    },
  };
}

function readAnswer(object: JsonObject): Reading {
  if (!native.recognises(object)) return { kind: "foreign", object };
  try {
    return { kind: "native", message: native.decode(object), bytes: 0 };
  } catch (thrown) {
    return { kind: "broken", error: NegotiatorError.from(thrown) };
  }
}
