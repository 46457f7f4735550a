/** Reads one JSON object piece by piece: its long texts are passed on while they arrive, and not held. */
import { NegotiatorError } from "../../errors.ts";
import { createCollector } from "../../wire/frames/collector.ts";
import { isBlank } from "../../wire/frames/openings.ts";
import { parseJsonObject } from "../../wire/json.ts";
import type { JsonObject } from "../../wire/json.ts";
import { createJsonText } from "./json-text.ts";
import { createJsonValue } from "./json-value.ts";

/**
 * A piece of a text member, as UTF-8, or the end of the object. `members` are all members but the texts that
 * were passed on; `texts` are their names.
 */
export type ObjectPart =
  | { kind: "text"; name: string; bytes: Uint8Array }
  | { kind: "end"; members: JsonObject; texts: ReadonlySet<string> };

/** Reads one object. */
export type ObjectReader = {
  /**
   * Yields what the bytes hold, and nothing after the end. Throws `BAD_FRAME` for what is not an object, and
   * `TOO_LARGE` if the members that are kept are too long.
   */
  push(bytes: Uint8Array): Generator<ObjectPart, void, undefined>;
};

/** Options of a reader. */
export type ObjectReaderOptions = {
  /** Names of the members whose texts are passed on. */
  passedOn: readonly string[];
  /** Most bytes of all other members, and of the lines in front of the object. */
  keptBytes: number;
};

/** Where the next byte belongs. `line`: before the object. `text`: in a text that is passed on. */
type Place = "line" | "first" | "quote" | "name" | "colon" | "start" | "text" | "value" | "next" | "end";

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Creates a reader at the beginning of a line. Lines that do not begin with a brace are skipped. */
export function createObjectReader({ passedOn, keptBytes }: ObjectReaderOptions): ObjectReader {
  const skip = createLineSkip(keptBytes);
  const kept = createKeptMembers(keptBytes);
  const texts = new Set<string>();
  let place: Place = "line";
  let isEnded = false;
  let name = "";
  let text = createJsonText();
  let value = createJsonValue();

  const startValue = (byte: number): number => {
    if (byte === QUOTE && passedOn.includes(name)) {
      if (texts.has(name)) throw notAnObject("a name is there twice");
      texts.add(name);
      text = createJsonText();
      place = "text";
      return 1;
    }
    kept.begin(name);
    value = createJsonValue();
    place = "value";
    return 0;
  };

  /** Takes a byte between names and values. Returns 0 if the byte has to be read again. */
  const takeByte = (byte: number): number => {
    // No dialect has a line end inside an object, so a line end ends a torn one.
    if (byte === LF) throw notAnObject("it is torn");
    if (isBlank(byte)) return 1;
    if (place === "start") return startValue(byte);
    const next = NEXT_PLACES[place]?.get(byte);
    if (next === undefined) throw notAnObject("a name, a colon or a comma is missing");
    place = next;
    if (place === "name") {
      name = "";
      text = createJsonText();
    }
    return 1;
  };

  /** Takes some bytes. Returns how many, and the text that they hold. */
  const take = (bytes: Uint8Array): { taken: number; text?: Uint8Array } => {
    if (place === "line") {
      const skipped = skip(bytes);
      if (skipped.isEnded) place = "first";
      return { taken: skipped.taken };
    }
    if (place === "value") {
      const found = value.push(bytes);
      if (bytes.subarray(0, found.taken).includes(LF)) throw notAnObject("it is torn");
      kept.add(bytes.subarray(0, found.taken));
      if (found.isEnded) place = "next";
      return { taken: found.taken };
    }
    if (place !== "name" && place !== "text") return { taken: takeByte(bytes[0] ?? 0) };
    // It takes room for all the bytes that it gets, and there can be a name every few bytes.
    const read = text.push(place === "name" ? bytes.subarray(0, NAME_BYTES + 1) : bytes);
    if (place === "text") {
      if (read.isEnded) place = "next";
      return read;
    }
    // Names that are not ASCII come out wrong. None of them means anything.
    name += Buffer.from(read.text).toString("latin1");
    if (name.length > NAME_BYTES) throw tooLarge(NAME_BYTES);
    if (read.isEnded) place = "colon";
    return { taken: read.taken };
  };

  return {
    *push(bytes) {
      for (let rest = bytes; rest.length > 0;) {
        if (place === "end") break;
        const { taken, text: decoded } = take(rest);
        rest = rest.subarray(taken);
        if (decoded !== undefined && decoded.length > 0) yield { kind: "text", name, bytes: decoded };
      }
      if (place !== "end" || isEnded) return;
      isEnded = true;
      yield { kind: "end", members: kept.parse(), texts };
    },
  };
}

const NEXT_PLACES: Partial<Record<Place, ReadonlyMap<number, Place>>> = {
  first: new Map([
    [QUOTE, "name"],
    [CLOSE, "end"],
  ]),
  quote: new Map([[QUOTE, "name"]]),
  colon: new Map([[COLON, "start"]]),
  next: new Map([
    [COMMA, "quote"],
    [CLOSE, "end"],
  ]),
};

/** No member that a dialect has is longer. */
const NAME_BYTES = 1024;

/** Skips lines, up to and with a brace that begins one. */
function createLineSkip(limitBytes: number): (bytes: Uint8Array) => { taken: number; isEnded: boolean } {
  let isLineStart = true;
  let skippedBytes = 0;
  return (bytes) => {
    for (const [index, byte] of bytes.entries()) {
      if (isLineStart && byte === OPEN) return { taken: index + 1, isEnded: true };
      if (++skippedBytes > limitBytes) throw notAnObject("it does not begin");
      isLineStart = byte === LF || (isLineStart && isBlank(byte));
    }
    return { taken: bytes.length, isEnded: false };
  };
}

type KeptMembers = { begin(name: string): void; add(bytes: Uint8Array): void; parse(): JsonObject };

/** Keeps the JSON of members, and parses it when all of it is there. */
function createKeptMembers(limitBytes: number): KeptMembers {
  const kept = createCollector(limitBytes);
  const add = (bytes: Uint8Array): void => {
    kept.add(bytes);
    if (kept.isOver) throw tooLarge(limitBytes);
  };
  return {
    begin: (name) => add(Buffer.from(`${kept.length > 0 ? "," : ""}${JSON.stringify(name)}:`)),
    add,
    parse: () => parseJsonObject(Buffer.concat([Buffer.from("{"), kept.take(), Buffer.from("}")])),
  };
}

function notAnObject(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: not a JSON object, ${reason}`);
}

function tooLarge(bytes: number): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Cannot take a message of more than ${bytes} bytes`);
}
