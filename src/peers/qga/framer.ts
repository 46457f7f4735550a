/** The framer of the dialect: requests as objects, and an error in the place of each invalid message. */
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { JsonObject } from "../../wire/json.ts";
import type { MemoryShare } from "../../wire/memory.ts";
import type { ObjectFramer } from "../object-framer.ts";
import { readExactJson } from "./json-reader.ts";
import { createScanner } from "./scanner.ts";

/** Creates a framer for messages up to the limit of a length-prefixed frame. */
export function createExactFramer(
  limits: Pick<Limits, "lengthPrefixedBytes">,
  memory?: MemoryShare,
): ObjectFramer {
  const scanner = createScanner(parse, limits.lengthPrefixedBytes, memory);
  return {
    drop: () => scanner.drop(),
    *push(bytes) {
      for (const scanned of scanner.push(bytes))
        yield scanned.kind === "message" ? scanned.message : new NegotiatorError("BAD_FRAME", scanned.reason);
    },
  };
}

function parse(bytes: Uint8Array): JsonObject | NegotiatorError {
  try {
    const value = readExactJson(bytes);
    if (isJsonObject(value)) return value;
    return new NegotiatorError("BAD_FRAME", "QMP input must be a JSON object");
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}
