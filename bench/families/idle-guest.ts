/** Measures the memory of a guest's daemon that waits for calls. */
import { setTimeout as delay } from "node:timers/promises";
import type { BenchContext } from "../context.ts";
import { readMemory } from "../process-figures.ts";
import type { MemoryFigures } from "../process-figures.ts";
import type { Measurement } from "../row.ts";
import { openBenchStage } from "../stage.ts";
import { median } from "../statistics.ts";

/** From the start until the memory is read. */
const SETTLE_MS = 5000;
const KIB_PER_MIB = 1024;

/** Measures the rows of the family `idle-guest`. */
export async function measureIdleGuest(context: BenchContext): Promise<Record<string, Measurement>> {
  const { binary, rounds, yardsticks } = context;
  const idle = await yardsticks("idle");
  const ours: MemoryFigures[] = [];
  const theirs: MemoryFigures[] = [];
  for (let round = 0; round < rounds; round++) {
    await using stage = await openBenchStage({ binary });
    await using bare = startBare(idle);
    await delay(SETTLE_MS);
    ours.push(await readMemory(stage.guest.daemon.pid));
    theirs.push(await readMemory(bare.pid));
  }
  const compare = (figure: keyof MemoryFigures): Measurement => ({
    figure: median(ours.map((each) => each[figure])) / KIB_PER_MIB,
    yardstick: median(theirs.map((each) => each[figure])) / KIB_PER_MIB,
  });
  return { "guest-rss": compare("rss"), "guest-anonymous": compare("anonymous") };
}

function startBare(program: string): AsyncDisposable & { pid: number } {
  const child = Bun.spawn([program], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
