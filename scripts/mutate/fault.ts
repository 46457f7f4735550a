/** A fault: one small change of a source file that some test should notice. */

import { shorten } from "../../src/shorten.ts";
import type { SourceFile } from "../../test/support/source-tree.ts";

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

/** Returns the faults that cannot be planted, because their files have changed since they were chosen. */
export function findStale(
  faults: readonly Fault[],
  files: readonly SourceFile[],
): { fault: Fault; problem: string }[] {
  return faults.flatMap((fault) => {
    const text = files.find(({ path }) => path === fault.file)?.text ?? "";
    try {
      const problem = `${fault.file}: "${fault.from}" stays as it is`;
      return plant(text, fault) === text ? [{ fault, problem }] : [];
    } catch (thrown) {
      return [{ fault, problem: thrown instanceof Error ? thrown.message : String(thrown) }];
    }
  });
}

/** Where a fault stands: its line, from 1, and the text of that line. */
export type FaultPlace = { line: number; source: string };

/** Returns the place of the fault in the file's text. Throws as `plant` does. */
export function findPlace(text: string, fault: Fault): FaultPlace {
  const line = text.slice(0, placeOf(text, fault)).split("\n").length;
  return { line, source: text.split("\n")[line - 1]?.trim() ?? "" };
}

/** Returns file, line, kind and change of a fault on one line. A short text is shown with its line. */
export function formatFault({ file, from, to, why }: Fault, { line, source }: FaultPlace): string {
  const [before, after] = [from, to].map(toOneLine);
  const change = after === "" || after === "{}" ? `without ${before}` : `${before} → ${after}`;
  const context = from.length < SHORT ? ` in: ${toOneLine(source)}` : "";
  return shorten(`${file}:${line}, ${why}: ${change}${context}`, SHOWN);
}

const SHORT = 20;
const SHOWN = 200;

function toOneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
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
