/**
 * Measures decisions in a separate process, where no other test has changed how the runtime compiles them.
 * Reads the cases from standard input as JSON, and prints one `Cost` for each.
 */
import { parseGlob } from "../../src/policy/glob.ts";
import { decide, parsePolicy } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";

/**
 * `rules`: a policy of 20 such rules decides about a call with the arguments. `text`: the pattern is compared
 * with `piece`, repeated to 64 and to 128 KiB of pieces.
 */
export type CostCase =
  | { kind: "rules"; action: "allow" | "deny"; patterns: string[]; args: string[]; goalMs: number }
  | { kind: "text"; pattern: string; start: string; piece: string };

/** Times of the quickest runs in ms. `yardstickMs`: 20 plain loops over the characters of the arguments. */
export type Cost =
  { kind: "rules"; ms: number; yardstickMs: number } | { kind: "text"; once: number; twice: number };

const RULES = 20;
/** Other processes can only make a run longer, so a busy machine gets this much time for a quick run. */
const LONGEST_MS = 10_000;
const LEAST_RUNS = 20;
const ATTEMPTS = 50;
const KIB = 1024;

function timeOf(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function measureRules({ action, patterns, args, goalMs }: CostCase & { kind: "rules" }): Cost {
  const rule = `[[rules]]\naction = "${action}"\narguments = ${JSON.stringify(patterns)}\n`;
  const policy = parsePolicy(rule.repeat(RULES));
  const endMs = performance.now() + LONGEST_MS;
  let ms = Number.POSITIVE_INFINITY;
  let yardstickMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < LEAST_RUNS || (ms >= goalMs && performance.now() < endMs); run++) {
    ms = Math.min(
      ms,
      timeOf(() => isAllowed(policy, args)),
    );
    yardstickMs = Math.min(
      yardstickMs,
      timeOf(() => readPlainly(args)),
    );
  }
  return { kind: "rules", ms, yardstickMs };
}

function isAllowed(policy: Policy, args: readonly string[]): boolean {
  const resource = { kind: "command", name: "x", args } as const;
  return decide(policy, { caller: { via: "host" }, method: "execute", resource }).allowed;
}

/** Reads each character as often as there are rules. Returns a sum, so that no loop can be left out. */
function readPlainly(args: readonly string[]): number {
  let sum = 0;
  for (let rule = 0; rule < RULES; rule++) {
    for (const text of args) {
      for (let at = 0; at < text.length; at++) sum ^= text.charCodeAt(at);
    }
  }
  return sum;
}

function measureText({ pattern, start, piece }: CostCase & { kind: "text" }): Cost {
  const glob = parseGlob(pattern);
  const leastOf = (count: number): number => {
    const text = start + piece.repeat(count);
    return Math.min(...Array.from({ length: LEAST_RUNS }, () => timeOf(() => glob.matches(text))));
  };
  let once = 0;
  let twice = Number.POSITIVE_INFINITY;
  // The shortest times differ by a part of a millisecond, and more if other processes run.
  for (let attempt = 0; attempt < ATTEMPTS && twice > 2 * once + 0.2; attempt++) {
    once = leastOf(64 * KIB);
    twice = leastOf(128 * KIB);
  }
  return { kind: "text", once, twice };
}

if (import.meta.main) {
  const cases: CostCase[] = await Bun.stdin.json();
  const costs = cases.map((item) => (item.kind === "rules" ? measureRules(item) : measureText(item)));
  await Bun.write(Bun.stdout, JSON.stringify(costs));
}
