/**
 * Cuts bytes into JSON messages by their braces: no line ends are needed. A wrong byte is found as it comes,
 * so that a client can get out of a torn message with a byte that no message has.
 */
import { MESSAGE_MARKS } from "../../limits.ts";
import { releaseBytes } from "../../wire/released-bytes.ts";
import type { MemoryShare } from "../../wire/memory.ts";
import { endsRecovery, nestingOf, skipText, stepToken } from "./lexemes.ts";
import type { TokenState } from "./lexemes.ts";

/** The value of a whole message, whose tokens are right, or the reason why bytes are not one. */
export type Scanned<Message> = { kind: "message"; message: Message } | { kind: "fault"; reason: string };

/** Cuts the bytes of one client. */
export type Scanner<Message> = {
  /** The messages and faults that end in these bytes, in order. */
  push(bytes: Uint8Array): Generator<Scanned<Message>, void, undefined>;
  /** Throws a begun message away, and gives its memory back. */
  drop(): void;
};

/** Deepest nesting: that of the QEMU guest agent. */
const DEPTH = 1024;
const SHOWN_BYTES = 100;

/**
 * Creates a scanner of messages up to `mostBytes`, which takes the memory of unfinished ones. `read` gets the
 * bytes of each message, which are valid for the time of the call.
 */
export function createScanner<Message>(
  read: (bytes: Uint8Array) => Message,
  mostBytes: number,
  memory?: MemoryShare,
): Scanner<Message> {
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
  const finish = (rest: Uint8Array): Scanned<Message> => {
    const message = read(held.join(rest));
    drop();
    return { kind: "message", message };
  };
  const fault = (reason: string): Scanned<Message> => {
    drop();
    return { kind: "fault", reason };
  };
  const stray = (rest: Uint8Array): Scanned<Message> => {
    const token = held.join(rest).subarray(tokenStart).subarray(0, SHOWN_BYTES);
    const scanned = fault(`JSON parse error, stray '${new TextDecoder().decode(token)}'`);
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
            yield finish(bytes.subarray(from, index));
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
        } else if (step === "done") yield finish(bytes.subarray(from, index + 1));
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

/** The bytes of an unfinished message, in one buffer that grows: a message may come byte by byte. */
function createHeld(mostBytes: number, memory: MemoryShare | undefined) {
  let room: Uint8Array = NO_BYTES;
  let bytes = 0;

  const append = (rest: Uint8Array): void => {
    if (bytes + rest.length > room.length) {
      const larger = new Uint8Array(Math.max(2 * room.length, bytes + rest.length));
      larger.set(room.subarray(0, bytes));
      releaseBytes(room);
      room = larger;
    }
    room.set(rest, bytes);
  };
  return {
    get bytes() {
      return bytes;
    },
    /** Returns the held bytes and these, until the next change. */
    join(rest: Uint8Array): Uint8Array {
      if (bytes === 0) return rest;
      append(rest);
      return room.subarray(0, bytes + rest.length);
    },
    /** Returns false if there is no room for them. */
    add(rest: Uint8Array): boolean {
      if (rest.length === 0) return true;
      if (bytes + rest.length > mostBytes || memory?.take(rest.length) === false) return false;
      append(rest);
      bytes += rest.length;
      return true;
    },
    drop() {
      memory?.give(bytes);
      releaseBytes(room);
      room = NO_BYTES;
      bytes = 0;
    },
  };
}

const NO_BYTES = new Uint8Array(0);
