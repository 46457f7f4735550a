/**
 * Reads a JSON value whose tokens were checked, with exact integers: an integer becomes a `bigint`, any other
 * number a `number`. Single quotes are quotes too.
 */
import { NegotiatorError } from "../../errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the value in the bytes. Throws `BAD_FRAME`. An object has no prototype. */
export function readExactJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const reader = { text, at: 0 };
  const value = readValue(reader);
  if (next(reader) !== undefined) throw parseError("more than one value");
  return value;
}

/** The error of a message that is not right, in the form that clients of the QEMU guest agent know. */
function parseError(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `JSON parse error, ${reason}`);
}

type Reader = { readonly text: string; at: number };

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw parseError("invalid UTF-8 sequence in string");
  }
}

/** Returns the first character of the next token, and moves there. */
function next(reader: Reader): string | undefined {
  const { text } = reader;
  while (reader.at < text.length && " \t\n\r".includes(text.charAt(reader.at))) reader.at++;
  return text[reader.at];
}

function readValue(reader: Reader): unknown {
  const first = next(reader);
  switch (first) {
    case "{":
      return readObject(reader);
    case "[":
      return readList(reader);
    case '"':
    case "'":
      return readText(reader, first);
    case undefined:
    case "}":
    case "]":
    case ",":
    case ":":
      throw parseError("expecting value");
    default:
      return /[a-z]/.test(first) ? readWord(reader) : readNumber(reader);
  }
}

function readObject(reader: Reader): Record<string, unknown> {
  // Without a prototype, "__proto__" is a name like any other.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is empty
  const members = Object.create(null) as Record<string, unknown>;
  reader.at++;
  if (next(reader) === "}") {
    reader.at++;
    return members;
  }
  for (;;) {
    const quote = next(reader);
    if (quote === undefined || "}],:".includes(quote)) throw parseError("expecting value");
    if (quote !== '"' && quote !== "'") throw parseError("key is not a string in object");
    const name = readText(reader, quote);
    if (name in members) throw parseError("duplicate key");
    if (next(reader) !== ":") throw parseError("missing : in object pair");
    reader.at++;
    members[name] = readValue(reader);
    if (readSeparator(reader, "}") === "end") return members;
  }
}

function readList(reader: Reader): unknown[] {
  const items: unknown[] = [];
  reader.at++;
  if (next(reader) === "]") {
    reader.at++;
    return items;
  }
  for (;;) {
    items.push(readValue(reader));
    if (readSeparator(reader, "]") === "end") return items;
  }
}

function readSeparator(reader: Reader, close: string): "end" | "more" {
  const found = next(reader);
  reader.at++;
  if (found === close) return "end";
  if (found !== ",") throw parseError(`expected separator in ${close === "}" ? "dict" : "list"}`);
  return "more";
}

function readText(reader: Reader, quote: string): string {
  const { text } = reader;
  const start = reader.at + 1;
  let end = text.indexOf(quote, start);
  while (end !== -1 && isEscaped(text, start, end)) end = text.indexOf(quote, end + 1);
  if (end === -1) throw parseError("a string has no end");
  reader.at = end + 1;
  const inner = text.slice(start, end);
  return inner.includes("\\") ? unescape(inner) : inner;
}

function isEscaped(text: string, start: number, at: number): boolean {
  let count = 0;
  while (at - count > start && text[at - count - 1] === "\\") count++;
  return count % 2 === 1;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

function unescape(inner: string): string {
  const plain = inner.replaceAll(/\\(?:u([\da-fA-F]{4})|([^]))/g, (_, code?: string, letter?: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    const meant = ESCAPES[letter ?? ""];
    if (meant === undefined) throw parseError("invalid escape sequence in string");
    return meant;
  });
  const half = /\p{Surrogate}/u.exec(plain)?.[0].charCodeAt(0).toString(16);
  if (half !== undefined) throw parseError(`\\u${half} is not a valid Unicode character`);
  return plain;
}

const WORDS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

function readWord(reader: Reader): unknown {
  const [word = ""] = /^[a-z]+/.exec(reader.text.slice(reader.at, reader.at + LONGEST_WORD)) ?? [];
  if (!WORDS.has(word)) throw parseError(`invalid keyword '${word}'`);
  reader.at += word.length;
  return WORDS.get(word);
}

const LONGEST_WORD = 40;

const MOST_NEGATIVE = -(2n ** 63n);
const ABOVE_ALL = 2n ** 64n;

function readNumber(reader: Reader): number | bigint {
  const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  number.lastIndex = reader.at;
  const [text = ""] = number.exec(reader.text) ?? [];
  if (text === "") throw parseError("expecting value");
  reader.at += text.length;
  // A bigint of millions of digits would take minutes.
  if (text.length > LONGEST_INTEGER || /[.eE]/.test(text)) return Number(text);
  const exact = BigInt(text);
  return exact >= MOST_NEGATIVE && exact < ABOVE_ALL ? exact : Number(text);
}

const LONGEST_INTEGER = 20;
