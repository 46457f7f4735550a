/** A fault: one small change of a source file that some test should notice. */

/** A change of one file. */
export type Fault = {
  /** The file's path in the repository. */
  file: string;
  /** The text that goes. Without `at` it must occur once in the file. */
  from: string;
  /** The text in its place. */
  to: string;
  /** The damage that a chosen fault does, or the kind of a drawn one. */
  why: string;
  /** The offset of `from`; only drawn faults have it. */
  at?: number;
};

/** Returns the file's text with the fault. Throws if `from` is not there, or is there more than once. */
export function plant(text: string, fault: Fault): string {
  const at = placeOf(text, fault);
  return text.slice(0, at) + fault.to + text.slice(at + fault.from.length);
}

/** Returns the line of the fault, from 1. Throws as `plant` does. */
export function lineOf(text: string, fault: Fault): number {
  return text.slice(0, placeOf(text, fault)).split("\n").length;
}

/** Returns the change on one line, at most `length` characters. */
export function formatChange({ from, to }: Fault, length = 100): string {
  const [before, after] = [from, to].map((text) => text.trim().replaceAll(/\s+/g, " "));
  const change = after === "" || after === ";" ? `without "${before}"` : `"${before}" → "${after}"`;
  return change.length > length ? `${change.slice(0, length - 1)}…` : change;
}

function placeOf(text: string, { file, from, at }: Fault): number {
  if (at !== undefined) {
    if (text.startsWith(from, at)) return at;
    throw new Error(`Cannot plant a fault in ${file}: at ${at} there is another text than "${from}"`);
  }
  const place = text.indexOf(from);
  if (place === -1) throw new Error(`Cannot plant a fault in ${file}: there is no "${from}"`);
  if (text.includes(from, place + 1))
    throw new Error(`Cannot plant a fault in ${file}: "${from}" is there twice`);
  return place;
}
