/** Cuts bytes into JSON objects: lines and length-prefixed frames. */
import { NegotiatorError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { createBlockCutter } from "../wire/frames/block.ts";
import { readLengthPrefix } from "../wire/frames/length-prefixed.ts";
import { createLineCutter } from "../wire/frames/line.ts";
import { isBlank, tooLong } from "../wire/frames/message-reader.ts";
import { parseJsonObject } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";

/** Cuts the bytes of a channel into the objects of a dialect. */
export type ObjectFramer = {
  /** The objects that end in these bytes, in order, with an error in the place of each invalid object. */
  push(bytes: Uint8Array): Iterable<JsonObject | NegotiatorError>;
};

type Found = JsonObject | NegotiatorError | undefined;

/** A framer for lines and length-prefixed frames up to these limits. */
export function createObjectFramer(limits: Pick<Limits, "lineBytes" | "lengthPrefixedBytes">): ObjectFramer {
  const lines = createLineCutter(limits.lineBytes);
  const body = createBlockCutter();

  const readLine = (line: Uint8Array): Found => {
    const lengthBytes = readLengthPrefix(line);
    if (lengthBytes === undefined) return line.every(isBlank) ? undefined : parse(line);
    const isKept = lengthBytes <= limits.lengthPrefixedBytes;
    body.begin(lengthBytes, isKept);
    return isKept ? undefined : tooLong(limits.lengthPrefixedBytes);
  };

  const step = (bytes: Uint8Array): { taken: number; found?: Found } => {
    if (body.hasBegun) {
      const { taken, block } = body.take(bytes);
      return { taken, found: block === undefined || block.length === 0 ? undefined : parse(block) };
    }
    const { taken, line, isTooLong } = lines.take(bytes);
    if (isTooLong === true) return { taken, found: tooLong(limits.lineBytes) };
    return { taken, found: line === undefined ? undefined : readLine(line) };
  };

  return {
    *push(bytes) {
      for (let rest = bytes; rest.length > 0;) {
        const { taken, found } = step(rest);
        rest = rest.subarray(taken);
        if (found !== undefined) yield found;
      }
    },
  };
}

function parse(bytes: Uint8Array): JsonObject | NegotiatorError {
  try {
    return parseJsonObject(bytes);
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}
