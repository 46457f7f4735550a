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

for (const cell of CELLS) {
  const { obstacle, way, seconds } = cell;
  test(`if ${obstacle.name}, a call with -t ${seconds} ends in time, ${way}`, async () => {
    expect(judge(cell, await measure(cell), SLACK_MS)).toBeUndefined();
  }, 90_000);
}
