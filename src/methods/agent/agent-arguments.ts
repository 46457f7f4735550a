/** Reads the arguments of a guest agent's command, with the errors that its clients know. */
import { NegotiatorError } from "../../errors.ts";
import { isJsonObject } from "../../wire/json.ts";

/** Returns a value of the right type, or throws `BAD_REQUEST`. `name` is the path of the argument. */
export type Read<T> = ((value: unknown, name: string) => T) & { isOptional?: true };

/** The arguments of a command. */
export type Arguments = Readonly<Record<string, Read<unknown>>>;

/** The arguments of a command, once they were read. */
export type Values<Given extends Arguments> = { [Name in keyof Given]: ReturnType<Given[Name]> };

/** An integer of 64 bits. `1.0` and `"1"` are not integers. */
export const integer: Read<bigint> = (value, name) => {
  if (typeof value === "bigint" && value <= MOST && value >= LEAST) return value;
  throw wrongType(name, "integer");
};

/** A string. */
export const text: Read<string> = (value, name) => {
  if (typeof value === "string") return value;
  throw wrongType(name, "string");
};

/** True or false. */
export const flag: Read<boolean> = (value, name) => {
  if (typeof value === "boolean") return value;
  throw wrongType(name, "boolean");
};

/** A string with base64. Returns its bytes. */
export const base64: Read<Uint8Array> = (value, name) => {
  const encoded = text(value, name);
  const bytes = Buffer.from(encoded, "base64");
  // The decoder skips what is not base64, and takes the signs of base64url.
  const isWhole = encoded.length % 4 === 0 && bytes.length === decodedLength(encoded);
  if (isWhole && !/[-_]/.test(encoded)) return bytes;
  throw invalid("Base64 data contains invalid characters");
};

/** One of these words. */
export function word<Word extends string>(...words: readonly Word[]): Read<Word> {
  return (value, name) => {
    const given = text(value, name);
    const found = words.find((known) => known === given);
    if (found !== undefined) return found;
    throw invalid(`Parameter '${name}' does not accept value '${given}'`);
  };
}

/** A string of the second type, or any other value of the first one. */
export function either<A, B>(first: Read<A>, second: Read<B>): Read<A | B> {
  return (value, name) => (typeof value === "string" ? second(value, name) : first(value, name));
}

/** A list of such values. */
export function listOf<T>(read: Read<T>): Read<T[]> {
  return (value, name) => {
    if (Array.isArray(value)) return value.map((item, index) => read(item, `${name}[${index}]`));
    throw wrongType(name, "array");
  };
}

/** An object with these members. */
export function members<Given extends Arguments>(given: Given): Read<Values<Given>> {
  return (value, name) => {
    if (isJsonObject(value)) return readArguments(given, value, `${name}.`);
    throw wrongType(name, "object");
  };
}

/** An argument that may be missing. */
export function optional<T>(read: Read<T>): Read<T | undefined> {
  return Object.assign(
    (value: unknown, name: string) => (value === undefined ? undefined : read(value, name)),
    { isOptional: true as const },
  );
}

/** Reads all arguments. Throws `BAD_REQUEST` for a missing, unexpected or wrong one. */
export function readArguments<Given extends Arguments>(
  given: Given,
  raw: Readonly<Record<string, unknown>>,
  prefix = "",
): Values<Given> {
  const values: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(given)) {
    const value = raw[name];
    if (value === undefined && read.isOptional !== true)
      throw invalid(`Parameter '${prefix}${name}' is missing`);
    values[name] = read(value, `${prefix}${name}`);
  }
  const unexpected = Object.keys(raw).find((name) => !Object.hasOwn(given, name));
  if (unexpected !== undefined) throw invalid(`Parameter '${prefix}${unexpected}' is unexpected`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each member was read above
  return values as Values<Given>;
}

/** The error of a command that was called wrongly. */
export function invalid(problem: string): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", problem);
}

const MOST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);

function wrongType(name: string, expected: string): NegotiatorError {
  return invalid(`Invalid parameter type for '${name}', expected: ${expected}`);
}

function decodedLength(encoded: string): number {
  const padding = encoded.endsWith("==") ? 2 : Number(encoded.endsWith("="));
  return (encoded.length / 4) * 3 - padding;
}
