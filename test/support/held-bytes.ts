/** Measures how much memory work keeps. */
import { heapStats } from "bun:jsc";

const MOST_TRIES = 10;

/** Returns the bytes of the heap and of the buffers outside of it, after a collection. */
export function heldBytes(): number {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}

/** The subject of the last measurement, which must not be collected before its end. */
const measured: { subject?: unknown } = {};

/**
 * Returns by how many bytes the memory has grown after `work` on what `open` returns. Repeats this while it
 * is `mostBytes` or more: by chance, garbage of other tests counts, or bytes to which only a stale word of
 * the stack refers. Bytes that the subject keeps count each time.
 */
export function growthOf<Subject>(
  open: () => Subject,
  work: (subject: Subject) => void,
  mostBytes: number,
): number {
  let growth = Infinity;
  for (let tries = 0; tries < MOST_TRIES && growth >= mostBytes; tries++) {
    const subject = open();
    measured.subject = subject;
    const before = heldBytes();
    work(subject);
    growth = Math.min(growth, heldBytes() - before);
  }
  return growth;
}
