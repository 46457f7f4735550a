/** Draws faults from a seed. */
import { createRandom } from "../../test/support/random.ts";
import type { SourceFile } from "../../test/support/source-tree.ts";
import { isEquivalent } from "./equivalents.ts";
import type { Fault } from "./fault.ts";
import { findPlaces } from "./places.ts";

/**
 * Texts for people, and lists that other tests compare with the pages. A fault in them is a typing mistake,
 * which no test can know.
 */
const WITHOUT_FAULTS = /^src\/(?:limits|version)\.ts$|\/(?:help|notes)\.ts$/;

/**
 * Yields faults without an end to the draw but that of the places. The same seed and the same files give the
 * same faults. A file is drawn as often as its length says, and no place twice.
 */
export function* drawFaults(files: readonly SourceFile[], seed: number): Generator<Fault, void, undefined> {
  const places = files.filter(({ path }) => !WITHOUT_FAULTS.test(path)).flatMap(placesIn);
  const random = createRandom(seed);
  while (places.length > 0) {
    const [fault] = places.splice(random.below(places.length), 1);
    if (fault !== undefined) yield fault;
  }
}

/** Returns `count` of the faults, drawn from the seed, in their order in the list. */
export function pickFaults(faults: readonly Fault[], count: number, seed: number): Fault[] {
  const random = createRandom(seed);
  const left = [...faults.keys()];
  const picked = new Set<number>();
  while (picked.size < count && left.length > 0)
    for (const index of left.splice(random.below(left.length), 1)) picked.add(index);
  return faults.filter((_, index) => picked.has(index));
}

const known = new WeakMap<SourceFile, readonly Fault[]>();

/** Finds the places of a file once: a parser takes a second for all files. */
function placesIn(file: SourceFile): readonly Fault[] {
  const { path, text } = file;
  const places = known.get(file) ?? findPlaces(path, text).filter((fault) => !isEquivalent(text, fault));
  known.set(file, places);
  return places;
}
