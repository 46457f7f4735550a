/** Cuts bytes into the JSON objects of a dialect: each begins a line, and has no line end inside. */
import { NegotiatorError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { createObjectFinder } from "../wire/frames/object-finder.ts";
import type { MemoryShare } from "../wire/memory.ts";
import { parseJsonObject } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";

/** Cuts the bytes of a channel into the objects of a dialect. */
export type ObjectFramer = {
  /** The objects that end in these bytes, in order, with an error in the place of each invalid object. */
  push(bytes: Uint8Array): Iterable<JsonObject | NegotiatorError>;
  /** Throws a begun object away, and gives its memory back. */
  drop?: () => void;
};

/** A framer for objects up to this limit. Other lines, such as length prefixes, are skipped. */
export function createObjectFramer(
  limits: Pick<Limits, "lengthPrefixedBytes">,
  memory?: MemoryShare,
): ObjectFramer {
  const finder = createObjectFinder(limits.lengthPrefixedBytes, memory);
  return {
    drop: () => finder.drop(),
    *push(bytes) {
      for (let found = finder.push(bytes); found !== undefined; found = finder.push(found.rest))
        yield "error" in found ? found.error : parseFound(found.bytes);
    },
  };
}

/** The object in the bytes, or the error of invalid ones. */
export function parseFound(bytes: Uint8Array): JsonObject | NegotiatorError {
  try {
    return parseJsonObject(bytes);
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}
