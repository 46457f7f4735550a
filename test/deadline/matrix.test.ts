/** Calls that something holds up end at their deadline, or after one SIGTERM. */
import { expect, test } from "bun:test";
import { cellsOf, judge, measure } from "./cells.ts";
import { OBSTACLES } from "./obstacles.ts";

/** The times are those of a loaded machine, with a start of three programs. `bun run deadlines` shows exact ones. */
const SLACK_MS = 3000;

const CELLS = OBSTACLES.flatMap((obstacle) =>
  cellsOf(obstacle).filter(
    ({ way, seconds }) =>
      obstacle.tested === "everywhere" ||
      (obstacle.tested === "once" && way === "host to guest" && seconds === "3"),
  ),
);

/** Cells that do not end in time yet. */
const FAILING = new Set([
  "stdout is a full pipe",
  "stdout and stderr are full pipes",
  "the terminal is stopped with Control-S",
  "the command has ended, stdout is a full pipe",
  "the called daemon stands still before the call",
  "the called daemon stands still during the call",
  "a port without an agent",
  "the caller's daemon stands still before the call",
  "the caller's daemon stands still during the call",
]);

for (const cell of CELLS) {
  const { obstacle, way, seconds } = cell;
  const isFailing = FAILING.has(obstacle.name) && seconds === "3";
  (isFailing ? test.failing : test)(
    `if ${obstacle.name}, a call with -t ${seconds} ends in time, ${way}`,
    async () => {
      expect(judge(cell, await measure(cell), SLACK_MS)).toBeUndefined();
    },
    90_000,
  );
}
