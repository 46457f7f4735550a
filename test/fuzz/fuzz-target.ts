/** Owns fuzz targets, and runs them. */
import { heapStats } from "bun:jsc";
import { createRandom } from "../support/random.ts";
import type { Random } from "../support/random.ts";

/** Gets fuzzed input in one round. Throws if the code under test does what it must not do. */
export type FuzzRound = (random: Random) => void;

/** A parser under test. `start` returns its round; rounds of one run may share what they test. */
export type FuzzTarget = { what: string; start: () => FuzzRound };

/** How a run ended. `rounds`: how many it made. */
export type FuzzEnd = { rounds: number; slowestMs: number };

const MIB = 1024 * 1024;
/** The memory that a run may keep. */
const KEPT_BYTES = 32 * MIB;
/** The processor time of one round, beyond which an input counts as an attack. */
const ROUND_MS = 2000;

/**
 * Runs rounds with the seeds from `seed` on until `isOver`. Throws with the seed of a round that fails, or
 * takes more than `roundMs` of processor time, and if the rounds keep much memory.
 */
export function runTarget(
  { start }: FuzzTarget,
  { seed, isOver, roundMs = ROUND_MS }: { seed: number; isOver: () => boolean; roundMs?: number },
): FuzzEnd {
  const round = start();
  const before = heldBytes();
  let rounds = 0;
  let slowestMs = 0;
  for (; !isOver(); rounds++) {
    const own = seed + rounds;
    const spent = process.threadCpuUsage();
    try {
      round(createRandom(own));
    } catch (cause) {
      throw new Error(`Repeat it with the seed ${own}, or ${seed} from the beginning`, { cause });
    }
    const { user, system } = process.threadCpuUsage(spent);
    const ms = (user + system) / 1000;
    slowestMs = Math.max(slowestMs, ms);
    if (ms > roundMs) throw new Error(`The round with the seed ${own} took ${ms.toFixed(0)} ms`);
  }
  const kept = heldBytes() - before;
  if (kept > KEPT_BYTES) throw new Error(`${rounds} rounds from the seed ${seed} kept ${kept} bytes`);
  return { rounds, slowestMs };
}

function heldBytes(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}
