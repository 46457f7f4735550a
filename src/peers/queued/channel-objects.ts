/** Reads a channel that carries one call: its objects in order, its other bytes, and its early end. */
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Channel } from "../../wire/channel.ts";
import { createObjectFinder } from "../../wire/frames/object-finder.ts";
import type { JsonObject } from "../../wire/json.ts";
import { parseFound } from "../object-framer.ts";

/** Objects in order, with an error in the place of each invalid one. Several loops can read it in turn. */
export type ChannelObjects = AsyncIterableIterator<JsonObject | NegotiatorError> & {
  /** The bytes after the last object, as they arrive. No objects can be read afterwards. */
  rest(): AsyncGenerator<Uint8Array, void, undefined>;
};

/** Messages that are read whole are short. The end of an earlier answer, which is skipped, can be long. */
const OBJECT_BYTES = 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

/** A peer has few answers left over from earlier callers. */
const MOST_OBJECTS = 1024;

/** The objects of a channel. Throws `BAD_FRAME` after too many of them, or too many invalid ones. */
export function readChannelObjects(channel: Channel): ChannelObjects {
  const pieces = channel[Symbol.asyncIterator]();
  const finder = createObjectFinder(OBJECT_BYTES);
  let left: Uint8Array = NO_BYTES;
  let faults = 0;
  let count = 0;

  const find = async (): Promise<JsonObject | NegotiatorError | undefined> => {
    for (;;) {
      const found = finder.push(left);
      if (found !== undefined) {
        left = found.rest;
        return "error" in found ? found.error : parseFound(found.bytes);
      }
      left = NO_BYTES;
      const piece = await pieces.next();
      if (piece.done === true) return undefined;
      left = piece.value;
    }
  };

  const objects: ChannelObjects = {
    async next() {
      const value = await find();
      if (value === undefined) return { done: true, value };
      if (value instanceof NegotiatorError && ++faults > DEFAULT_LIMITS.faults)
        throw tooMany(channel, "invalid messages");
      if (++count > MOST_OBJECTS) throw tooMany(channel, "messages before the answer");
      return { done: false, value };
    },
    async *rest() {
      const first = left;
      left = NO_BYTES;
      if (first.length > 0) yield first;
      for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next())
        yield piece.value;
    },
    // An iterator with `return` would be closed by the end of the first loop.
    [Symbol.asyncIterator]: () => objects,
  };
  return objects;
}

/** The error of a channel that ended before the answer. */
export function endedEarly({ label }: Channel): NegotiatorError {
  return new NegotiatorError("CLOSED", `The channel "${label}" ended before the answer`);
}

function tooMany({ label }: Channel, what: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `The channel "${label}" carries too many ${what}`);
}
