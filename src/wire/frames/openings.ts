/**
 * The fixed first bytes of messages. A reader that has lost the order of frames finds the next message by
 * them, so a raw payload on a port holds none of them.
 */

/** The first bytes of a hello. They hold a blank, so no native message can hold them. */
export const HELLO_OPENING = Buffer.from('{"method": "negotiate:');

/** The first bytes of every other native message. */
export const NATIVE_OPENING = Buffer.from('{"jsonrpc":"2.0"');

/** Returns whether the bytes hold what a message could begin with. The search runs at memory speed. */
export function holdsOpening(bytes: Uint8Array): boolean {
  const buffer = asBuffer(bytes);
  // Each opening has these two bytes, so one search does for most payloads.
  let place = buffer.indexOf(OBJECT);
  for (let found = 1; place !== -1 && found <= OBJECTS_LOOKED_AT; found++) {
    if (beginsOpening(buffer, place)) return true;
    place = buffer.indexOf(OBJECT, place + 1);
  }
  if (place === -1) return false;
  return buffer.includes(NATIVE_OPENING) || buffer.includes(HELLO_OPENING) || holdsPrefixedObject(buffer);
}

const LF = 0x0a;
const OBJECT = Buffer.from('{"');
const LINE_WITH_OBJECT = Buffer.from('\n{"');
/** A payload of JSON has many objects, and a look at each costs more than a search for each opening. */
const OBJECTS_LOOKED_AT = 16;

function beginsOpening(bytes: Buffer, place: number): boolean {
  if (bytes[place - 1] === LF && endsInDigit(bytes, place - 1)) return true;
  return standsAt(NATIVE_OPENING, bytes, place) || standsAt(HELLO_OPENING, bytes, place);
}

function standsAt(opening: Buffer, bytes: Uint8Array, place: number): boolean {
  for (let index = 0; index < opening.length; index++) {
    if (bytes[place + index] !== opening[index]) return false;
  }
  return true;
}

/** An old peer's message is an object after a length prefix: a digit, blanks, a line end, brace and quote. */
function holdsPrefixedObject(bytes: Buffer): boolean {
  for (let place = bytes.indexOf(LINE_WITH_OBJECT); place !== -1;) {
    if (endsInDigit(bytes, place)) return true;
    place = bytes.indexOf(LINE_WITH_OBJECT, place + 1);
  }
  return false;
}

/** Returns whether the last byte before `end` that is not a blank is a digit. */
function endsInDigit(bytes: Uint8Array, end: number): boolean {
  let index = end - 1;
  while (index >= 0 && bytes[index] !== LF && isBlank(bytes[index] ?? 0)) index--;
  return isDigit(bytes[index]);
}

/** Whether the byte is one of the blanks that JSON allows between tokens (RFC 8259). */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;
}

/** Whether the byte is an ASCII digit. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Returns whether the bytes begin as a native message does. */
export function isNative(bytes: Uint8Array): boolean {
  return standsAt(NATIVE_OPENING, bytes, 0);
}

/** Returns whether the bytes begin as a hello does. */
export function beginsHello(bytes: Uint8Array): boolean {
  return standsAt(HELLO_OPENING, bytes, 0);
}

/** Returns whether the bytes are a part of a native message's opening: more bytes decide what they begin. */
export function isNativeBegun(bytes: Uint8Array): boolean {
  return (
    bytes.length < NATIVE_OPENING.length && asBuffer(bytes).equals(NATIVE_OPENING.subarray(0, bytes.length))
  );
}

const OPEN = 0x7b;
const QUOTE = 0x22;

/** Returns whether the bytes begin an old peer's object: a brace and a quote. A native message is not one. */
export function beginsOldObject(bytes: Uint8Array): boolean {
  return bytes[0] === OPEN && bytes[1] === QUOTE && !isNative(bytes);
}

/** Finds one opening in a stream of bytes. */
export type OpeningFinder = {
  /**
   * Returns where the first opening that ends in these bytes begins. A negative place is in earlier bytes.
   * Bytes after that opening have to be passed again.
   */
  find(bytes: Uint8Array): number | undefined;
};

/** Creates a finder that has seen no byte. The opening's first byte must not occur again in it. */
export function createOpeningFinder(opening: Buffer): OpeningFinder {
  /** How many bytes of an opening stand at the end of the earlier bytes. */
  let begun = 0;

  const continueBegun = (bytes: Uint8Array): "found" | "more" | "no" => {
    const rest = opening.subarray(begun, begun + bytes.length);
    if (!asBuffer(bytes.subarray(0, rest.length)).equals(rest)) return "no";
    begun += rest.length;
    return begun === opening.length ? "found" : "more";
  };

  return {
    find(bytes) {
      const before = begun;
      // The opening's first byte does not occur in the rest of it, so at most one opening can have begun.
      const continued = begun === 0 ? "no" : continueBegun(bytes);
      if (continued === "more") return undefined;
      begun = 0;
      if (continued === "found") return -before;
      const place = asBuffer(bytes).indexOf(opening);
      if (place !== -1) return place;
      begun = lengthOfBegun(bytes, opening);
      return undefined;
    },
  };
}

function lengthOfBegun(bytes: Uint8Array, opening: Buffer): number {
  const end = bytes.subarray(Math.max(0, bytes.length - opening.length + 1));
  const start = end.lastIndexOf(opening[0] ?? 0);
  if (start === -1) return 0;
  const tail = end.subarray(start);
  return asBuffer(tail).equals(opening.subarray(0, tail.length)) ? tail.length : 0;
}

/** A view of the same memory: `Uint8Array` itself cannot search for several bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
