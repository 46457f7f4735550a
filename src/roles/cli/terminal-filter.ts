/**
 * Takes out of a command's output what could harm the terminal that shows it. The result is valid UTF-8 with
 * whole sequences, so that neither a terminal nor the other stream can complete a harmful one.
 */
import { createUtf8Reader } from "./utf8-reader.ts";

/** Filters one stream. A sequence may be split between two calls of `push`. */
export type TerminalFilter = {
  /** Returns the harmless part of the bytes. */
  push(bytes: Uint8Array): Uint8Array;
  /** The stream has ended: returns what is left, and ends a colour that was left on. */
  end(): Uint8Array;
};

/**
 * `all`: moves inside a line stay. `lines`: each line stands for itself behind its prefix: nothing moves the
 * cursor, a carriage return ends the line, and so does a colour.
 */
export type FilterForm = "all" | "lines";

const [BELL, LINE_END, RETURN, CANCEL, SUBSTITUTE, ESCAPE, DELETE] = [7, 10, 13, 0x18, 0x1a, 0x1b, 0x7f];
const ALLOWED: Record<FilterForm, ReadonlySet<number>> = {
  // BEL, backspace, tab, and the ends of lines and pages. The rest asks questions or changes the charset.
  all: new Set([BELL, 8, 9, LINE_END, 11, 12, RETURN]),
  lines: new Set([9, LINE_END]),
};

/** The C1 controls that begin a control sequence, and a string. */
const C1_SEQUENCE = 0x9b;
const C1_STRINGS: ReadonlySet<number> = new Set([0x90, 0x98, 0x9d, 0x9e, 0x9f]);
const C1_STRING_END = 0x9c;

/** Most characters of a sequence that is passed on. */
const MOST_PARAMETERS = 128;
/** Most bytes that one byte, or an end, becomes; and those of a sequence that began in an earlier chunk. */
const GROWTH = 4;
const SEQUENCE_BYTES = MOST_PARAMETERS + 16;

const COLOUR = /^[0-9;:]*$/;
const NO_COLOUR = /^[0;]*$/;
const RESET = [ESCAPE, 0x5b, 0x30, 0x6d];
const REPLACEMENT = [0xef, 0xbf, 0xbd];

/**
 * Passed on: text, colours (SGR), and with `all` also moves and erasures inside the line. Everything else
 * that begins with ESC or a C1 control is left out. A line end ends a string, so that an open one hides no
 * output.
 */
export function createTerminalFilter(form: FilterForm = "all"): TerminalFilter {
  const allowed = ALLOWED[form];
  let state: "text" | "escape" | "intermediate" | "sequence" | "string" = "text";
  let parameters = "";
  let isColoured = false;
  let hasReturned = false;
  let output = new Uint8Array(0);
  let length = 0;

  const emit = (bytes: Iterable<number>): void => {
    for (const byte of bytes) output[length++] = byte;
  };
  const endColour = (): void => {
    if (isColoured) emit(RESET);
    isColoured = false;
  };
  const endLine = (byte: number): void => {
    const isSame = byte === LINE_END && hasReturned;
    hasReturned = byte === RETURN;
    if (isSame) return;
    endColour();
    output[length++] = LINE_END;
  };
  const control = (byte: number): void => {
    state = byte === ESCAPE ? "escape" : "text";
    if (form === "lines" && (byte === RETURN || byte === LINE_END)) endLine(byte);
    else if (allowed.has(byte)) output[length++] = byte;
  };
  const finish = (final: string): void => {
    state = "text";
    if (final === "m" && COLOUR.test(parameters)) isColoured = !NO_COLOUR.test(parameters);
    else if (form === "lines" || !isMoveInLine(parameters, final)) return;
    emit(Buffer.from(`\x1b[${parameters}${final}`, "latin1"));
  };
  const takeSequence = (byte: number): void => {
    if (byte >= 0x40) return finish(parameters.length > MOST_PARAMETERS ? "" : String.fromCharCode(byte));
    if (parameters.length <= MOST_PARAMETERS) parameters += String.fromCharCode(byte);
  };
  const begin = (next: "sequence" | "string"): void => {
    state = next;
    parameters = "";
  };
  const takeEscape = (byte: number): void => {
    if (state === "escape" && byte === 0x5b) begin("sequence");
    else if (state === "escape" && STRINGS.has(byte)) begin("string");
    else state = byte < 0x30 ? "intermediate" : "text";
  };
  const takeAscii = (byte: number): void => {
    if (byte === DELETE) return;
    if (state === "string") {
      if (byte === BELL || byte === CANCEL || byte === SUBSTITUTE) state = "text";
      else if (byte === ESCAPE || byte === LINE_END) control(byte);
      return;
    }
    if (byte < 0x20) return control(byte);
    if (state === "sequence") return takeSequence(byte);
    if (state === "escape" || state === "intermediate") return takeEscape(byte);
    hasReturned = false;
    output[length++] = byte;
  };
  const takeC1 = (byte: number): void => {
    if (byte === C1_SEQUENCE) begin("sequence");
    else if (C1_STRINGS.has(byte)) begin("string");
    else if (state !== "string" || byte === C1_STRING_END) state = "text";
  };
  const takeText = (bytes: Iterable<number>): void => {
    if (state === "string") return;
    state = "text";
    hasReturned = false;
    emit(bytes);
  };
  const reader = createUtf8Reader({
    ascii: takeAscii,
    c1: takeC1,
    character: takeText,
    invalid: () => takeText(REPLACEMENT),
  });
  const collect = (bytes: number, write: () => void): Uint8Array => {
    output = new Uint8Array(GROWTH * bytes + SEQUENCE_BYTES);
    length = 0;
    write();
    return output.subarray(0, length);
  };

  return {
    push: (bytes) => collect(bytes.length, () => reader.push(bytes)),
    end: () =>
      collect(0, () => {
        reader.end();
        endColour();
      }),
  };
}

/** `P`, `X`, `]`, `^` and `_`, which begin a string after an ESC. */
const STRINGS: ReadonlySet<number> = new Set([0x50, 0x58, 0x5d, 0x5e, 0x5f]);

/** Erases in the line, or moves the cursor in it. Progress bars use these. */
function isMoveInLine(parameters: string, final: string): boolean {
  return final === "K" ? /^[0-2]?$/.test(parameters) : /^[CDG]$/.test(final) && /^\d{0,4}$/.test(parameters);
}
