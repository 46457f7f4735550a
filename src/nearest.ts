/** Guesses the word that a user meant to type. */

/** Returns the candidates that resemble `word`: the nearest first, three at most. */
export function nearest(word: string, candidates: readonly string[]): string[] {
  if (word === "" || word.length > MAX_LENGTH) return [];
  const allowed = Math.min(Math.ceil(word.length / 4), MAX_DISTANCE);
  return candidates
    .filter(({ length }) => length <= MAX_LENGTH && Math.abs(length - word.length) <= allowed)
    .map((candidate) => ({ candidate, distance: countEdits(word, candidate) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((one, other) => one.distance - other.distance || compare(one.candidate, other.candidate))
    .slice(0, MAX_GUESSES)
    .map(({ candidate }) => candidate);
}

/** A peer can send long words, and the work grows with the product of both lengths. */
const MAX_LENGTH = 64;
const MAX_DISTANCE = 3;
const MAX_GUESSES = 3;

/**
 * Counts the insertions, deletions, replacements and swaps of neighbours between two words (optimal string
 * alignment).
 */
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const present = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      present.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (present[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (isSame ? 0 : 1),
          isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = present;
  }
  return last[to.length] ?? 0;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
