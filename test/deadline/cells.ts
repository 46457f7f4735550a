/** Runs one call that something holds up, and measures when it ends. */
import { existsSync } from "node:fs";
import type { Program } from "../support/program.ts";
import { PROGRAM } from "../support/program.ts";
import { until } from "../support/until.ts";
import type { Obstacle } from "./obstacles.ts";
import { createScene } from "./scene.ts";
import type { Way } from "./scene.ts";
import { startBlocked } from "./streams.ts";

/** A call: with `-t 3`, or with `-t 0` and one SIGTERM. */
export type Cell = { obstacle: Obstacle; way: Way; seconds: "0" | "3" };

/** How a call ended. `ms` counts from its start, or with `-t 0` from the SIGTERM. */
export type Measured = { exitCode: number; ms: number };

const ALL_WAYS: readonly Way[] = ["host to guest", "guest to host", "host directly", "guest directly"];
/** A call that has not ended after this time never ends. */
const MOST_MS = 40_000;
/** A call whose command never starts gets its signal after this time. */
const WAITING_MS = 1500;

/** The cells of an obstacle. */
export function cellsOf(obstacle: Obstacle): Cell[] {
  const ways = obstacle.ways ?? ALL_WAYS;
  return ways.flatMap((way) => (["3", "0"] as const).map((seconds) => ({ obstacle, way, seconds })));
}

/** Makes the call; `program` is the source by default. Undefined if it does not end. */
export async function measure(
  { obstacle, way, seconds }: Cell,
  program: Program = PROGRAM,
): Promise<Measured | undefined> {
  await using scene = await createScene(way, obstacle, program);
  await obstacle.before?.(scene);
  let startMs = performance.now();
  const argv = [...program, ...scene.words(seconds)];
  await using call = startBlocked(argv, scene.env, obstacle.streams ?? {});
  const isHeldBefore = obstacle.before !== undefined || obstacle.without !== undefined;
  if (!isHeldBefore) await until("the command runs", () => existsSync(scene.mark));
  await obstacle.during?.(scene);
  if (seconds === "0") {
    // Nothing shows from outside that a call waits, or that its output is blocked.
    await Promise.race([Bun.sleep(WAITING_MS), call.exited]);
    startMs = performance.now();
    call.kill("SIGTERM");
  }
  const exitCode = await Promise.race([call.exited, Bun.sleep(MOST_MS).then(() => undefined)]);
  return exitCode === undefined ? undefined : { exitCode, ms: Math.round(performance.now() - startMs) };
}

/** The problem with the end of a call; undefined if it is right. `slackMs` is for a busy machine. */
export function judge(
  { obstacle, seconds }: Cell,
  measured: Measured | undefined,
  slackMs: number,
): string | undefined {
  if (measured === undefined) return `it does not end within ${MOST_MS} ms`;
  const { exitCode, ms } = measured;
  if (seconds === "3") {
    if (ms > 4000 + slackMs) return `it ends after ${ms} ms`;
    const isEarly = ms < 2900 && (obstacle.mayEndEarly === true || obstacle.isOver === true);
    const expected = obstacle.isOver === true ? [0, 124] : isEarly ? [125] : [124];
    return expected.includes(exitCode) ? undefined : `it ends with ${exitCode}`;
  }
  if (ms > 6000 + slackMs) return `it ends ${ms} ms after the signal`;
  const expected = [
    143,
    ...(obstacle.mayEndEarly === true ? [125] : []),
    ...(obstacle.isOver === true ? [0] : []),
  ];
  const isOutputOnly = obstacle.name.startsWith("the command has ended");
  return expected.includes(exitCode) || (isOutputOnly && exitCode === 0)
    ? undefined
    : `it ends with ${exitCode}`;
}
