/** The cost of a decision: a caller chooses its arguments, and every other call waits for the decision. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Cost, CostCase } from "./cost-of-decisions.ts";

const KIB = 1024;
const TIMEOUT_MS = 300_000;
/**
 * The goals in ms are of the machine that they were set on. Elsewhere a decision may take this many times as
 * long as plain loops over the same characters: on that machine the goals are five times as long.
 */
const LOOPS = 5;

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

/** The most arguments that a call can have, each with a name, a `=` and the end of the pattern. */
const MANY: readonly [pattern: string, argument: string][] = [
  ["a*b?z", `ab${"a".repeat(55)}=bz`],
  ["a*b*z", `abz${"a".repeat(50)}=b`],
  ["--force", `--forc=${"e".repeat(50)}`],
];

const ALLOWING = HARD.map(([pattern, piece]): CostCase & { kind: "rules" } => {
  const args = [startOf(pattern) + textOf(piece), "x"];
  return { kind: "rules", action: "allow", patterns: [pattern, "other"], args, goalMs: 10 };
});

const DENYING = HARD.map(([pattern, piece]): CostCase & { kind: "rules" } => {
  const args = [`${startOf(pattern)}${textOf(piece)}z`, `${textOf(piece).slice(0, 8)}=`];
  return { kind: "rules", action: "deny", patterns: [`${pattern}\\z`, "other"], args, goalMs: 10 };
});

const DENYING_MANY = MANY.map(([pattern, argument]): CostCase & { kind: "rules" } => {
  const args = Array.from({ length: 4096 }, () => argument);
  return { kind: "rules", action: "deny", patterns: [pattern], args, goalMs: 20 };
});

const ALLOWING_MOST: CostCase & { kind: "rules" } = {
  kind: "rules",
  action: "allow",
  patterns: ["**a*b?c", "**"],
  args: ["a/".repeat(64 * KIB), "/b".repeat(64 * KIB)],
  goalMs: 20,
};

function startOf(pattern: string): string {
  return pattern.startsWith("--set=") ? "--set=" : "";
}

function textOf(piece: string): string {
  return piece.repeat((128 * KIB) / Buffer.byteLength(piece));
}

async function measure(cases: readonly CostCase[]): Promise<Cost[]> {
  const program = [process.execPath, join(import.meta.dir, "cost-of-decisions.ts")];
  const child = Bun.spawn(program, { stdin: Buffer.from(JSON.stringify(cases)), stdout: "pipe" });
  const [text, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  expect(exitCode).toBe(0);
  const costs: Cost[] = JSON.parse(text);
  return costs;
}

/** Decisions, the goal for each in ms, and the patterns and arguments that are tried. */
const TITLES: readonly [title: string, cases: readonly (CostCase & { kind: "rules" })[]][] = [
  ["20 rules with ten wildcards take less than 10 ms for an argument of 128 KiB", ALLOWING],
  ["20 rules that deny take less than 10 ms for an argument of 128 KiB", DENYING],
  ["20 rules that deny take less than 20 ms for 256 KiB in 4096 arguments", DENYING_MANY],
  ["20 rules take less than 20 ms for 256 KiB of arguments", [ALLOWING_MOST]],
];

test.each(TITLES)(
  "%s",
  async (_title, cases) => {
    for (const [index, cost] of (await measure(cases)).entries()) {
      const { patterns, goalMs } = cases[index] ?? ALLOWING_MOST;
      if (cost.kind !== "rules") throw new Error("The child measured something else");
      const isQuick = cost.ms < Math.max(goalMs, LOOPS * cost.yardstickMs);
      expect({ patterns, ...cost, isQuick }).toMatchObject({ isQuick: true });
    }
  },
  TIMEOUT_MS,
);

test(
  "a text of twice the length takes a pattern at most twice the time",
  async () => {
    const cases = HARD.map(
      ([pattern, piece]) => ({ kind: "text", pattern, start: startOf(pattern), piece }) as const,
    );
    for (const [index, cost] of (await measure(cases)).entries()) {
      if (cost.kind !== "text") throw new Error("The child measured something else");
      const isLinear = cost.twice <= 2 * cost.once + 0.2;
      expect({ ...cases[index], ...cost, isLinear }).toMatchObject({ isLinear: true });
    }
  },
  TIMEOUT_MS,
);
