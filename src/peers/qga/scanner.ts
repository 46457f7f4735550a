/**
 * Cuts bytes into JSON messages by their braces: no line ends are needed. A wrong byte is found as it comes,
 * so that a client can get out of a torn message with a byte that no message has.
 */
import { MESSAGE_MARKS } from "../../limits.ts";
import type { MemoryShare } from "../../wire/memory.ts";
import { endsRecovery, nestingOf, skipText, stepToken } from "./lexemes.ts";
import type { TokenState } from "./lexemes.ts";

/** A whole message, whose tokens are right, or the reason why bytes are not one. */
export type Scanned = { kind: "message"; bytes: Uint8Array } | { kind: "fault"; reason: string };

/** Cuts the bytes of one client. */
export type Scanner = {
  /** The messages and faults that end in these bytes, in order. */
  push(bytes: Uint8Array): Generator<Scanned, void, undefined>;
  /** Throws a begun message away, and gives its memory back. */
  drop(): void;
};

/** Deepest nesting: that of the QEMU guest agent. */
const DEPTH = 1024;
const SHOWN_BYTES = 100;

/** Creates a scanner of messages up to `mostBytes`, which takes the memory of unfinished ones. */
export function createScanner(mostBytes: number, memory?: MemoryShare): Scanner {
  const held = createHeld(mostBytes, memory);
  /** `skip`: up to a byte that ends the recovery from a fault. */
  let state: TokenState | "skip" = "start";
  let open = { braces: 0, brackets: 0 };
  let tokens = 0;
  /** Where the current token begins in the message. */
  let tokenStart = 0;

  const drop = (): void => {
    held.drop();
    state = "start";
    open = { braces: 0, brackets: 0 };
    tokens = 0;
    tokenStart = 0;
  };
  const message = (rest: Uint8Array): Scanned => {
    const bytes = held.join(rest);
    drop();
    return { kind: "message", bytes };
  };
  const fault = (reason: string): Scanned => {
    drop();
    return { kind: "fault", reason };
  };
  const stray = (rest: Uint8Array): Scanned => {
    const token = held.join(rest).subarray(tokenStart).subarray(0, SHOWN_BYTES);
    const scanned = fault(`stray '${new TextDecoder().decode(token)}'`);
    state = "skip";
    return scanned;
  };
  /** Counts a token that ends with the byte. Returns whether the message ends with it. */
  const endToken = (byte: number): boolean => {
    const { braces, brackets } = nestingOf(byte);
    state = "start";
    tokens++;
    open = { braces: open.braces + braces, brackets: open.brackets + brackets };
    return (open.braces <= 0 && open.brackets <= 0) || open.braces < 0 || open.brackets < 0;
  };
  const findExcess = (): string | undefined => {
    if (open.braces + open.brackets > DEPTH) return "JSON nesting depth limit exceeded";
    return tokens > MESSAGE_MARKS ? "JSON token count limit exceeded" : undefined;
  };

  return {
    drop,
    *push(bytes) {
      /** Where the message begins in these bytes; the held bytes come before. */
      let from = 0;
      for (let index = 0; index < bytes.length; index++) {
        if (state === "double" || state === "single") index = skipText(bytes, index, state);
        const byte = bytes[index];
        if (byte === undefined) break;
        if (state === "skip") {
          from = index;
          if (!endsRecovery(byte)) continue;
          state = "start";
        }
        let step = stepToken(state, byte);
        if (step === "before") {
          if (endToken(NO_STRUCTURE)) {
            yield message(bytes.subarray(from, index));
            from = index;
          }
          step = stepToken("start", byte);
        }
        if (step === "space") {
          if (tokens === 0) from = index + 1;
          continue;
        }
        if (state === "start") tokenStart = held.bytes + index - from;
        if (step === "done" && !endToken(byte)) {
          const excess = findExcess();
          if (excess === undefined) continue;
          yield fault(excess);
        } else if (step === "done") yield message(bytes.subarray(from, index + 1));
        else if (step === "wrong" || step === "before") yield stray(bytes.subarray(from, index + 1));
        else {
          state = step;
          continue;
        }
        from = index + 1;
      }
      if (state === "skip" || held.add(bytes.subarray(from))) return;
      yield fault("JSON token size limit exceeded");
      state = "skip";
    },
  };
}

const NO_STRUCTURE = 0;

/** The bytes of an unfinished message. */
function createHeld(mostBytes: number, memory: MemoryShare | undefined) {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    join: (rest: Uint8Array): Uint8Array =>
      parts.length === 0 ? rest : new Uint8Array(Buffer.concat([...parts, rest])),
    /** Returns false if there is no room for them. */
    add(rest: Uint8Array): boolean {
      if (rest.length === 0) return true;
      if (bytes + rest.length > mostBytes || memory?.take(rest.length) === false) return false;
      parts.push(rest.slice());
      bytes += rest.length;
      return true;
    },
    drop() {
      memory?.give(bytes);
      parts = [];
      bytes = 0;
    },
  };
}
