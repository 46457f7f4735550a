/** Reads the requests of old hosts: objects in length-prefixed frames (docs/PROTOCOL.md, rule 11). */
import { NegotiatorError } from "../../errors.ts";
import { native } from "../dialects/native.ts";
import { parseJsonObject } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { Reading } from "../reading.ts";
import type { MemoryShare } from "../memory.ts";
import { createBlockCutter } from "./block.ts";
import { beginsOldObject, isNativeBegun } from "./openings.ts";
import { GAVE_WAY } from "./refusals.ts";

/**
 * `rest` has to be read next. `notFrame`: bytes came that are not a request; so many of them were parsed.
 */
export type OldRequestStep = { rest: Uint8Array; reading?: Reading; notFrame?: { parsedBytes: number } };

/** Reads one request after the other. */
export type OldRequestReader = {
  /** Whether a length was read, and its request is not complete. */
  readonly hasBegun: boolean;
  /** A line has announced a request of this length. */
  begin(lengthBytes: number): void;
  /** Takes the next bytes, at most to the end of the request. */
  take(bytes: Uint8Array): OldRequestStep;
  /** Throws the begun request away. */
  drop(): void;
};

const LF = 0x0a;
const NO_BYTES = new Uint8Array(0);

/** Creates a reader for requests of at most `limitBytes`. A longer one is refused when all its bytes came. */
export function createOldRequestReader(limitBytes: number, memory?: MemoryShare): OldRequestReader {
  const body = createBlockCutter(memory);
  let announcedBytes = 0;
  /** The first bytes of a body that can still become a native message. */
  let held = NO_BYTES;

  const drop = (): void => {
    body.drop();
    held = NO_BYTES;
  };

  const readBody = (bytes: Uint8Array): Omit<OldRequestStep, "rest"> => {
    // A torn line can look like a length, so a request is refused only when all of its bytes were there.
    if (announcedBytes > limitBytes)
      return { reading: { kind: "unreadable", error: tooLarge(announcedBytes) } };
    const object = parseOldRequest(bytes);
    if (object === undefined) return { notFrame: { parsedBytes: bytes.length } };
    return { reading: { kind: "foreign", object, bytes: bytes.length } };
  };

  const takeBody = (bytes: Uint8Array): OldRequestStep => {
    const { taken, block, gaveWay } = body.take(bytes);
    const rest = bytes.subarray(taken);
    if (gaveWay === true) return { rest, reading: { kind: "unreadable", error: GAVE_WAY } };
    return block === undefined ? { rest } : { rest, ...readBody(block) };
  };

  return {
    get hasBegun() {
      return body.hasBegun;
    },
    begin(lengthBytes) {
      drop();
      announcedBytes = lengthBytes;
      body.begin(lengthBytes, lengthBytes <= limitBytes);
    },
    take(bytes) {
      if (body.isFilled) return takeBody(bytes);
      const all = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      // A raw chunk can end in digits, and the next message is not the object that they seem to announce.
      if (isNativeBegun(all)) {
        held = new Uint8Array(all);
        return { rest: NO_BYTES };
      }
      if (beginsOldObject(all)) {
        held = NO_BYTES;
        return takeBody(all);
      }
      drop();
      // A hello begins with a line end behind its length.
      return all[0] === LF ? { rest: all } : { rest: all, notFrame: { parsedBytes: 0 } };
    },
    drop,
  };
}

function parseOldRequest(body: Uint8Array): JsonObject | undefined {
  try {
    const object = parseJsonObject(body);
    return native.recognises(object) ? undefined : object;
  } catch {
    return undefined;
  }
}

function tooLarge(bytes: number): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Cannot take a message of ${bytes} bytes`);
}
