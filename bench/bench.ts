/** Measures the compiled binary: `bun run bench`, or `bun run bench --only NAME` for one row. */
import { join } from "node:path";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { findRegressions, parseBaseline, renewBaseline } from "./baseline.ts";
import type { Baseline } from "./baseline.ts";
import { BENCH_HELP, chooseRows, parseBenchOptions } from "./bench-options.ts";
import type { BenchOptions } from "./bench-options.ts";
import { measureRows } from "./families.ts";
import { findBinary } from "./find-binary.ts";
import { readMachineFacts } from "./machine-facts.ts";
import type { Measured, Row } from "./row.ts";
import { ROWS } from "./rows.ts";
import { cleanUpWhenStopped } from "./stopping.ts";
import { formatTable, toJson } from "./table.ts";
import { createYardsticks } from "./yardsticks.ts";

const BASELINE = join(import.meta.dir, "baseline.json");

process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  let options: BenchOptions;
  let rows: Row[];
  try {
    options = parseBenchOptions(words);
    rows = chooseRows(ROWS, options);
  } catch (thrown) {
    say(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  if (options.isHelp) {
    process.stdout.write(BENCH_HELP);
    return 0;
  }
  const binary = await findBinary(options.binary, say);
  if (binary === undefined) return 1;
  const facts = await readMachineFacts(binary);
  if (facts.load > facts.processors / 2)
    say(`the machine is busy (load ${facts.load}): the figures will vary`);
  await using directory = await createTemporaryDirectory();
  cleanUpWhenStopped(directory.path);
  const yardsticks = createYardsticks(directory.path);
  const measured = await measureRows(rows, { binary, rounds: options.rounds, yardsticks, say });
  if (options.isJson) process.stdout.write(`${JSON.stringify(toJson(facts, measured), null, 2)}\n`);
  else {
    const { processors, processor, kernel, load } = facts;
    process.stdout.write(`${facts.binary}\n${processors} x ${processor}, Linux ${kernel}, load ${load}\n\n`);
    process.stdout.write(`${formatTable(measured)}\n`);
  }
  return judge(options, measured);
}

/** Compares with the baseline, or writes it. Returns the exit code. */
async function judge(
  { isCheck, isWriteBaseline }: BenchOptions,
  measured: readonly Measured[],
): Promise<number> {
  const hasFailed = measured.some(({ measurement }) => "failed" in measurement);
  const baseline = await readBaseline();
  const regressions = isCheck ? findRegressions(measured, baseline) : [];
  for (const line of regressions) say(`more than twice as bad: ${line}`);
  if (isCheck) say(`compared ${measured.length} rows with the baseline: ${regressions.length} are worse`);
  if (isWriteBaseline) {
    await Bun.write(BASELINE, `${JSON.stringify(renewBaseline(baseline, measured), null, 2)}\n`);
    say(`wrote ${BASELINE}`);
  }
  return regressions.length > 0 || hasFailed ? 1 : 0;
}

async function readBaseline(): Promise<Baseline> {
  const file = Bun.file(BASELINE);
  return (await file.exists()) ? parseBaseline(await file.text()) : {};
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}
