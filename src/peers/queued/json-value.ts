/** Finds the end of a JSON value in bytes that arrive in pieces. */

/** A value that is being read. */
export type JsonValue = {
  /** Takes bytes of the value. Returns how many belong to it, and whether it ends before the next byte. */
  push(bytes: Uint8Array): { taken: number; isEnded: boolean };
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Creates a finder at the first byte of a member's value. Does not check that the value is valid. */
export function createJsonValue(): JsonValue {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;

  /** Takes a byte. Returns whether the value has ended before it. */
  const step = (byte: number): boolean => {
    if (isEscaped) isEscaped = false;
    else if (isInString) {
      if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) isInString = false;
    } else if (depth === 0 && (byte === COMMA || byte === CLOSE)) return true;
    else if (byte === QUOTE) isInString = true;
    else if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
    return false;
  };

  return {
    push(bytes) {
      let taken = 0;
      while (taken < bytes.length && !step(bytes[taken] ?? 0)) taken++;
      return { taken, isEnded: taken < bytes.length };
    },
  };
}
