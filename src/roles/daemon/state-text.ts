/** The state of a daemon as text: JSON, with the bytes beside the rest. Pure. */

/** The names and indexes that lead to a value in the text. */
type Place = string[];

/** `bytes` are in base64. The state has null in their places. */
type StateText = { state: unknown; bytes: [place: Place, base64: string][] };

/** Returns plain data with bytes as text. */
export function encodeState(state: unknown): string {
  const bytes: StateText["bytes"] = [];
  const text: StateText = { state: takeBytes(state, ["state"], bytes), bytes };
  return JSON.stringify(text);
}

/** Returns the data of `encodeState`; bytes are a `Buffer`. Throws a `SyntaxError` or `TypeError`. */
export function decodeState(text: string): unknown {
  // `encodeState` wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const whole = JSON.parse(text) as StateText;
  for (const [place, base64] of whole.bytes)
    setMember(parentOf(whole, place), place.at(-1) ?? "", Buffer.from(base64, "base64"));
  return whole.state;
}

/**
 * Moves the bytes within `value` to `found`. Returns the value itself if there are none in it, else a copy. A
 * replacer of `JSON.stringify` takes several times as long: a state has thousands of values.
 */
function takeBytes(value: unknown, place: Place, found: StateText["bytes"]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) {
    found.push([[...place], Buffer.from(value).toString("base64")]);
    return null;
  }
  let copy: object | undefined;
  for (const name of Object.keys(value)) {
    const member: unknown = Reflect.get(value, name);
    if (typeof member !== "object" || member === null) continue;
    place.push(name);
    const rest = takeBytes(member, place, found);
    place.pop();
    if (rest === member) continue;
    copy ??= Array.isArray(value) ? [...value] : { ...value };
    setMember(copy, name, rest);
  }
  return copy ?? value;
}

function parentOf(whole: object, place: Place): object {
  let parent = whole;
  for (const name of place.slice(0, -1)) {
    const member: unknown = Reflect.get(parent, name);
    if (typeof member !== "object" || member === null)
      throw new TypeError(`The state has no ${place.join(".")}`);
    parent = member;
  }
  return parent;
}

/** An assignment to "__proto__" would set no member, and a peer can choose such names. */
function setMember(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}
