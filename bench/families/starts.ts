/** Measures how long command lines take from their start to their end. */
import type { BenchContext } from "../context.ts";
import type { Measurement } from "../row.ts";
import { GUEST, openBenchStage } from "../stage.ts";
import { measureRounds } from "../statistics.ts";
import type { Lane } from "../statistics.ts";

/** The lanes take turns within a round too. */
const STARTS = 8;

/** Measures the rows of the family `starts`. */
export async function measureStarts(context: BenchContext): Promise<Record<string, Measurement>> {
  const { binary, rounds, yardsticks } = context;
  const empty = await yardsticks("empty");
  await using stage = await openBenchStage({ binary, commands: { nothing: "#!/bin/sh\nexit 0\n" } });
  const { environment } = stage.host;
  const lane =
    (...words: string[]): Lane =>
    () =>
      timeStart(words, environment);
  const lanes = {
    empty: lane(empty),
    version: lane(binary, "--version"),
    execute: lane(binary, "host", "execute", GUEST, "nothing"),
  };
  await measureRounds(lanes, 1);
  const medianOf = await measureRounds<keyof typeof lanes>(lanes, rounds * STARTS);
  const yardstick = medianOf("empty");
  return {
    version: { figure: medianOf("version"), yardstick },
    execute: { figure: medianOf("execute"), yardstick },
  };
}

async function timeStart(words: string[], env: Record<string, string>): Promise<number> {
  const startMs = performance.now();
  const child = Bun.spawn(words, { env, stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  const exitCode = await child.exited;
  if (exitCode !== 0) throw new Error(`"${words.join(" ")}" ended with ${exitCode}`);
  return performance.now() - startMs;
}
