/** The state of a daemon as text: JSON, in which bytes are objects with one member. Pure. */

const BYTES = "$bytes";
const ENTRIES = "$entries";

/** Returns plain data with bytes as text. */
export function encodeState(state: unknown): string {
  return JSON.stringify(encodeValue(state));
}

/** Returns the data of `encodeState`; bytes are a `Buffer`. Throws a `SyntaxError`. */
export function decodeState(text: string): unknown {
  return decodeValue(JSON.parse(text));
}

/**
 * Returns the value itself if there are no bytes in it. A replacer of `JSON.stringify`, and a reviver of
 * `JSON.parse`, take several times as long: a state has thousands of values.
 */
function encodeValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString("base64") };
  const changed = changeMembers(value, encodeValue);
  // A peer can choose such names too.
  return BYTES in value || ENTRIES in value ? { [ENTRIES]: Object.entries(changed) } : changed;
}

function decodeValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (BYTES in value && typeof value[BYTES] === "string") return Buffer.from(value[BYTES], "base64");
  if (!(ENTRIES in value && Array.isArray(value[ENTRIES]))) return changeMembers(value, decodeValue);
  // `encodeState` wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(changeMembers(value[ENTRIES], decodeValue) as [string, unknown][]);
}

/** Returns the object or array itself if `change` changes none of its members, else a copy. */
function changeMembers(object: object, change: (value: unknown) => unknown): object {
  let copy: object | undefined;
  for (const [name, value] of membersOf(object)) {
    const changed = change(value);
    if (changed === value) continue;
    copy ??= Array.isArray(object) ? [...object] : { ...object };
    // An assignment to "__proto__" would set no member.
    Object.defineProperty(copy, name, {
      value: changed,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy ?? object;
}

function membersOf(object: object): Iterable<[string | number, unknown]> {
  return Array.isArray(object) ? object.entries() : Object.entries(object);
}
