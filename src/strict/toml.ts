/** Reads TOML. A syntax error is reported with its place, in plain words. */
import { parse, TomlError } from "smol-toml";
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";

/**
 * Reads `text` as TOML, without a check of its keys and values. Throws `BAD_CONFIG` with the line and the
 * column, and without any part of the text: a user who may choose `--config` of a root process must not read
 * a secret file. `remedy` is the last line of the error.
 */
export function parseToml(text: string, source: string, remedy?: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    const place = `line ${line}, column ${column}`;
    const character = text.split("\n")[line - 1]?.[column - 1];
    const described = describeSyntax(message);
    const problem = described === BAD_KEY && character === ":" ? COLON : described;
    throw new NegotiatorError(
      "BAD_CONFIG",
      `Cannot use ${printable(source)}: ${place}: ${problem}`,
      remedy === undefined ? {} : { remedy },
    );
  }
}

/** Lists and inline tables inside each other; the parser calls itself for each of them. */
const MAX_DEPTH = 64;

/**
 * Returns a message of smol-toml in our words. The message ends with lines of the file, which are left out.
 */
function describeSyntax(message: string): string {
  const [first = ""] = message.replace("Invalid TOML document: ", "").split("\n", 1);
  return SYNTAX.get(first) ?? "this is not TOML";
}

const BAD_KEY = "after a key = is needed, as in key = 1; or the key needs quotation marks";
/** The only character of the text that a message may have. */
const COLON = '":" stands where "=" is needed; write: key = value';
const REDEFINED = "this key or table is already defined";
const BAD_DATE = "a date or time is wrong";
const BAD_UNDERSCORE = "a number has an underscore that is not between two digits";
const BAD_ESCAPE = "a text has a wrong Unicode escape";
const UNENDED_NUMBER = "a number does not end with a digit";

/** smol-toml 1.9 has no codes, only messages. */
const SYNTAX: ReadonlyMap<string, string> = new Map([
  ["control characters are not allowed in comments", "a comment has a control character"],
  [
    "control characters are not allowed in strings",
    "a text has no closing quotation mark on this line, or a control character",
  ],
  ["document contains excessively nested structures. aborting.", "lists or tables are nested too deeply"],
  ["each key-value declaration must be followed by an end-of-line", "a new line must begin here"],
  ["expected comma or end of structure", "a comma or a closing bracket is missing"],
  ["expected end of table array declaration", "the name of a list of tables must end with ]]"],
  ["illegal character in key", BAD_KEY],
  ["illegal character in numeric literal", "a number has a character that does not belong there"],
  ["illegal empty bare key", "a key is missing"],
  ["illegal leading zero", "a number begins with 0"],
  [
    "illegal quoted key: multiline strings are not allowed",
    "a key must be on one line, in one pair of quotation marks",
  ],
  ["illegal underscore", BAD_UNDERSCORE],
  [
    "incomplete key-value: cannot find end of key",
    "after a key = is missing, or after the name of a table ]",
  ],
  ["integer value cannot be represented losslessly", "a whole number is too large"],
  ["invalid date", BAD_DATE],
  ["invalid date-time: date part is malformed", BAD_DATE],
  ["invalid date-time: time part is malformed", BAD_DATE],
  ["invalid escape: only line-ending whitespace may be escaped", "a text has a space after a backslash"],
  ["invalid non-hex character in unicode escape", BAD_ESCAPE],
  ["invalid unicode escape", BAD_ESCAPE],
  ["invalid value", "a value is missing or unknown; text needs quotation marks"],
  ["trying to redefine an already defined table or value", REDEFINED],
  ["trying to redefine an already defined value", REDEFINED],
  ["unexpected end of key", "a key is missing"],
  ["unfinished array", "a list has no closing ]"],
  ["unfinished numeric value", UNENDED_NUMBER],
  ["unfinished string", "a text has no closing quotation mark"],
  ["unfinished table", "an inline table has no closing }"],
  ["unrecognised escape sequence", "a text has an unknown escape; write \\\\ for a backslash"],
]);
