/**
 * Prints when calls end that something holds up:
 * `bun run deadlines [--json] [--only TEXT] [--way WAY] [--binary "PROGRAM"]`.
 */
import { parseArgs } from "node:util";
import { cellsOf, judge, measure } from "./cells.ts";
import { OBSTACLES } from "./obstacles.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    only: { type: "string" },
    binary: { type: "string" },
    way: { type: "string" },
  },
});
const program = values.binary?.split(" ");
let isRight = true;

for (const obstacle of OBSTACLES) {
  if (values.only !== undefined && !obstacle.name.includes(values.only)) continue;
  for (const cell of cellsOf(obstacle)) {
    const { way, seconds } = cell;
    if (values.way !== undefined && values.way !== way) continue;
    const measured = await measure(cell, program);
    const problem = judge(cell, measured, 0);
    isRight &&= problem === undefined;
    const row = { obstacle: obstacle.name, way, timeout: seconds, ...measured, ...(problem && { problem }) };
    const end = measured === undefined ? "no end" : `${measured.ms} ms, exit ${measured.exitCode}`;
    const wrong = problem === undefined ? [] : [`WRONG: ${problem}`];
    const text = [obstacle.name, way, `-t ${seconds}`, end, ...wrong].join(" | ");
    console.log(values.json === true ? JSON.stringify(row) : text);
  }
}
process.exitCode = isRight ? 0 : 1;
