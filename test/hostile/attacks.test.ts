/** A short slice of the attacks of `bun run hostile`, which has the figures: what they cost another guest. */
import { expect, test } from "bun:test";
import { runCase, yardstickOf } from "../../hostile/run-case.ts";
import { hostBinary } from "../support/binary.ts";

const SECONDS = 2;
const ATTACKERS = 12;
const TIMEOUT_MS = 180_000;
/** Other programs of a busy machine may slow one try, but hardly all. */
const MOST_TRIES = 3;
/** Where the calls alone are too many for the machine: so many times as long as without attackers. */
const HELD_UP_QUIETS = 3;
/**
 * A few milliseconds on a quiet machine, a second or more if the attackers take another guest's turns. It is
 * longer where other processes keep the daemon from the processors.
 */
const HELD_UP_MS = 400;
/**
 * Where a call waits for a long message of each attacker: so many times as long as this machine takes to
 * parse one.
 */
const HELD_UP_PARSES: Readonly<Record<string, number>> = { "calls-of-values": 60 };
const MESSAGE = JSON.stringify(Array.from({ length: 62_000 }, (_, index) => `${index}`));
/** Three times the goal, because the daemon may collect its garbage late on a busy machine. */
const MOST_MB = 450;

test.each(["mixed", "frames-of-lists", "notices", "answers", "calls-of-values", "local-calls"])(
  "while twelve attackers make the attack %s, every call of another guest ends, and most of them soon",
  async (name) => {
    const binary = await hostBinary();
    const parses = HELD_UP_PARSES[name] ?? 0;
    const slow: number[] = [];
    while (slow.length < MOST_TRIES) {
      const before = parseMs();
      const options = { binary, seconds: SECONDS, attackers: ATTACKERS };
      const { failed, p50, peakMb, slowness } = await runCase(name, options);
      expect(failed).toBe(0);
      expect(peakMb).toBeLessThan(MOST_MB);
      if (p50 < Math.max(HELD_UP_MS * slowness, parses * Math.max(before, parseMs()))) return;
      const quiet = await runCase(yardstickOf(name), options);
      if (p50 < HELD_UP_QUIETS * quiet.p50) return;
      slow.push(p50);
    }
    throw new Error(`Another guest's calls took ${slow.join(", ")} ms`);
  },
  TIMEOUT_MS,
);

/** Returns the milliseconds for parsing a message of an attacker, in the middle of 21 times. */
function parseMs(): number {
  const times = Array.from({ length: 21 }, () => {
    const beganMs = performance.now();
    JSON.parse(MESSAGE);
    return performance.now() - beganMs;
  });
  return times.toSorted((one, other) => one - other)[10] ?? 0;
}
