/** Reads a channel that carries one call: its objects in order, and its early end. */
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Channel } from "../../wire/channel.ts";
import type { JsonObject } from "../../wire/json.ts";
import { createObjectFramer } from "../object-framer.ts";

/** Objects in order, with an error in the place of each invalid one. Several loops can read it in turn. */
export type ChannelObjects = AsyncIterableIterator<JsonObject | NegotiatorError>;

/** The objects of a channel. Throws `BAD_FRAME` after too many invalid ones. */
export function readChannelObjects(channel: Channel): ChannelObjects {
  const objects = readObjects(channel);
  // An iterator with `return` would be closed by the end of the first loop.
  const iterator: ChannelObjects = { next: () => objects.next(), [Symbol.asyncIterator]: () => iterator };
  return iterator;
}

/** The error of a channel that ended before the answer. */
export function endedEarly({ label }: Channel): NegotiatorError {
  return new NegotiatorError("CLOSED", `The channel "${label}" ended before the answer`);
}

async function* readObjects(channel: Channel): AsyncGenerator<JsonObject | NegotiatorError, void, undefined> {
  const framer = createObjectFramer(DEFAULT_LIMITS);
  let faults = 0;
  for await (const bytes of channel) {
    for (const object of framer.push(bytes)) {
      if (object instanceof NegotiatorError && ++faults > DEFAULT_LIMITS.faults) throw tooManyFaults(channel);
      yield object;
    }
  }
}

function tooManyFaults({ label }: Channel): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `The channel "${label}" carries too many invalid messages`);
}
