/** Calls that something holds up end at their deadline, or after one SIGTERM. */
import { expect, test } from "bun:test";
import { cellsOf, judge, measure } from "./cells.ts";
import { OBSTACLES } from "./obstacles.ts";

/** The times are those of a busy machine, with their start. `bun run deadlines` shows exact ones. */
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
    const first = judge(cell, await measure(cell), SLACK_MS);
    // A busy machine can make one call late. A fault makes each one late.
    expect(first && judge(cell, await measure(cell), SLACK_MS)).toBeUndefined();
  }, 150_000);
}
