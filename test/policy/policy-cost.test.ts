/** The cost of a decision: a caller chooses its arguments, and every other call waits for the decision. */
import { expect, test } from "bun:test";
import { availableParallelism, loadavg } from "node:os";
import { parseGlob } from "../../src/policy/glob.ts";
import { decide, parsePolicy } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";

const KIB = 1024;
const RULES = 20;
/** Other processes can only make a run longer, so a busy machine gets this much time for a quick run. */
const LONGEST_MS = 15_000;
const LEAST_RUNS = 20;
const ATTEMPTS = 50;
const TIMEOUT_MS = 300_000;

/** Returns the time of the quickest run in ms. Goes on until a run took less than `goalMs`. */
function leastMsOf(work: () => unknown, goalMs: number): number {
  const endMs = performance.now() + LONGEST_MS;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < LEAST_RUNS || (leastMs >= goalMs && performance.now() < endMs); run++) {
    const startMs = performance.now();
    work();
    leastMs = Math.min(leastMs, performance.now() - startMs);
  }
  return leastMs;
}

/** Returns the goal in ms: ten times as much on a machine that has more to do than it has processors. */
function goalFor(quietMs: number): number {
  const [load = 0] = loadavg();
  return load > availableParallelism() ? 10 * quietMs : quietMs;
}

function policyOf(...patterns: readonly string[]): Policy {
  return parsePolicy(`[[rules]]\naction = "allow"\narguments = ${JSON.stringify(patterns)}\n`.repeat(RULES));
}

function denyingPolicyOf(...patterns: readonly string[]): Policy {
  return parsePolicy(`[[rules]]\naction = "deny"\narguments = ${JSON.stringify(patterns)}\n`.repeat(RULES));
}

function isAllowed(policy: Policy, args: readonly string[]): boolean {
  const resource = { kind: "command", name: "x", args } as const;
  return decide(policy, { caller: { via: "host" }, method: "execute", resource }).allowed;
}

/** Patterns, each with the piece of a text that is hard for it. */
const HARD: readonly [pattern: string, piece: string][] = [
  ["--set=**/N/**/backup/*", "/"],
  ["--set=**/N/**/backup/*", "/N/"],
  ["**/*", "/"],
  ["**/a*b/**x", "/a"],
  ["**/a*b/**", "b/a/"],
  [`${"*a".repeat(10)}b`, "a"],
  [`${"**a".repeat(10)}b`, "a"],
  [`${"**/*".repeat(5)}x`, "a/"],
  [`${"?*".repeat(10)}/`, "a"],
  [`**a${"?".repeat(20)}b`, "ab"],
  [`**${"\\*\\?".repeat(10)}*x`, "*?"],
  ["**ä*ö?ü", "äö"],
  ["**😀*?x", "😀"],
  ["**", "../"],
];

test(
  "20 rules with ten wildcards take less than 10 ms for an argument of 128 KiB",
  () => {
    for (const [pattern, piece] of HARD) {
      const policy = policyOf(pattern, "other");
      const text = piece.repeat((128 * KIB) / Buffer.byteLength(piece));
      const args = [pattern.startsWith("--set=") ? `--set=${text}` : text, "x"];
      const ms = leastMsOf(() => isAllowed(policy, args), 10);
      const isQuick = ms < 10 || ms < goalFor(10);
      expect({ pattern, piece, ms, isQuick }).toMatchObject({ isQuick: true });
    }
  },
  TIMEOUT_MS,
);

test(
  "20 rules that deny take less than 10 ms for an argument of 128 KiB",
  () => {
    for (const [pattern, piece] of HARD) {
      const policy = denyingPolicyOf(`${pattern}\\z`, "other");
      const text = piece.repeat((128 * KIB) / Buffer.byteLength(piece));
      const args = [pattern.startsWith("--set=") ? `--set=${text}z` : `${text}z`, `${text.slice(0, 8)}=`];
      const ms = leastMsOf(() => isAllowed(policy, args), 10);
      const isQuick = ms < 10 || ms < goalFor(10);
      expect({ pattern, piece, ms, isQuick }).toMatchObject({ isQuick: true });
    }
  },
  TIMEOUT_MS,
);

/** The most arguments that a call can have, each with a name, a `=` and the end of the pattern. */
const MANY: readonly [pattern: string, argument: string][] = [
  ["a*b?z", `ab${"a".repeat(55)}=bz`],
  ["a*b*z", `abz${"a".repeat(50)}=b`],
  ["--force", `--forc=${"e".repeat(50)}`],
];

test(
  "20 rules that deny take less than 20 ms for 256 KiB in 4096 arguments",
  () => {
    for (const [pattern, argument] of MANY) {
      const policy = denyingPolicyOf(pattern);
      const args = Array.from({ length: 4096 }, () => argument);
      const ms = leastMsOf(() => isAllowed(policy, args), 20);
      const isQuick = ms < 20 || ms < goalFor(20);
      expect({ pattern, ms, isQuick }).toMatchObject({ isQuick: true });
    }
  },
  TIMEOUT_MS,
);

test(
  "20 rules take less than 20 ms for 256 KiB of arguments",
  () => {
    const both = ["a/".repeat(64 * KIB), "/b".repeat(64 * KIB)];
    const policy = policyOf("**a*b?c", "**");
    expect(leastMsOf(() => isAllowed(policy, both), 20)).toBeLessThan(goalFor(20));
  },
  TIMEOUT_MS,
);

test(
  "a text of twice the length takes a pattern at most twice the time",
  () => {
    for (const [pattern, piece] of HARD) {
      const glob = parseGlob(pattern);
      const start = pattern.startsWith("--set=") ? "--set=" : "";
      const timeOf = (count: number): number => {
        const text = start + piece.repeat(count);
        return leastMsOf(() => glob.matches(text), Number.POSITIVE_INFINITY);
      };
      let once = 0;
      let twice = Number.POSITIVE_INFINITY;
      // The shortest times differ by a part of a millisecond, and more if other processes run.
      for (let attempt = 0; attempt < ATTEMPTS && twice > 2 * once + 0.2; attempt++) {
        once = timeOf(64 * KIB);
        twice = timeOf(128 * KIB);
      }
      const isLinear = twice <= 2 * once + 0.2;
      expect({ pattern, piece, once, twice, isLinear }).toMatchObject({ isLinear: true });
    }
  },
  TIMEOUT_MS,
);
