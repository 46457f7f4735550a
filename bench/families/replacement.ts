/** Measures how long calls stand still while a daemon replaces itself. */
import type { Peer } from "../../src/peers/peer.ts";
import type { RemoteCommand } from "../../src/peers/remote-command.ts";
import type { BenchContext } from "../context.ts";
import type { Measurement } from "../row.ts";
import { runShell } from "../run-shell.ts";
import { openControl, runCommand, startCommand } from "../sessions.ts";
import { GUEST, openBenchStage } from "../stage.ts";
import { median, timeEach } from "../statistics.ts";

/** The calls that run while a daemon replaces itself, from the first replacement to the last. */
const HELD_CALLS = 200;
const SETTINGS = `limits.openCalls = ${2 * HELD_CALLS}`;
const COMMANDS = { quick: "#!/bin/sh\nexit 0\n", echo: "#!/bin/sh\nexec cat\n" };
const LINE = Buffer.from("a line for a call that is held\n");
/** The quick calls after a replacement that are measured too. */
const LATER_CALLS = 20;

/** Measures the rows of the family `replacement`. Throws if a call is lost. */
export async function measureReplacement({
  binary,
  rounds,
}: BenchContext): Promise<Record<string, Measurement>> {
  await using stage = await openBenchStage({ binary, settings: SETTINGS, commands: COMMANDS });
  await using control = await openControl(stage.host.control, GUEST);
  const { peer } = control;
  const held: HeldCall[] = [];
  while (held.length < HELD_CALLS) held.push(await holdCall(peer));
  const measure = async (role: "host" | "guest"): Promise<Measurement> => {
    const figures: number[] = [];
    const yardsticks: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const replacing = runShell(`${binary} ${role} reexec`, stage[role].environment);
      const times = await timeUntil(replacing, () => runCommand(peer, "quick"));
      figures.push(Math.max(...times));
      yardsticks.push(Math.max(...(await timeEach(times.length, () => runCommand(peer, "quick")))));
    }
    return { figure: median(figures), yardstick: median(yardsticks) };
  };
  const measured = { "reexec-host": await measure("host"), "reexec-guest": await measure("guest") };
  for (const call of held) await finishHeld(call);
  return measured;
}

/** A call that has sent back a line, and waits for more. */
type HeldCall = { remote: RemoteCommand; pieces: AsyncIterator<Uint8Array> };

async function holdCall(peer: Peer): Promise<HeldCall> {
  const remote = startCommand(peer, "echo", true);
  const call = { remote, pieces: remote.stdout[Symbol.asyncIterator]() };
  await remote.stdin?.write(LINE);
  await expectLine(call);
  return call;
}

async function finishHeld(call: HeldCall): Promise<void> {
  const { remote, pieces } = call;
  await remote.stdin?.write(LINE);
  await expectLine(call);
  remote.stdin?.end();
  const { done } = await pieces.next();
  const { exitCode } = await remote.ended;
  if (done !== true || exitCode !== 0) throw new Error(`A held call ended with ${exitCode}`);
}

async function expectLine({ pieces }: HeldCall): Promise<void> {
  const { value } = await pieces.next();
  if (!(value instanceof Uint8Array) || !LINE.equals(value)) throw new Error("A held call lost its line");
}

/** Runs `work` again and again until `end`, and `LATER_CALLS` times more. Returns the time of each. */
async function timeUntil(end: Promise<unknown>, work: () => Promise<unknown>): Promise<number[]> {
  const over = new AbortController();
  const ended = end.finally(() => over.abort());
  const times: number[] = [];
  while (!over.signal.aborted) times.push(...(await timeEach(1, work)));
  await ended;
  return [...times, ...(await timeEach(LATER_CALLS, work))];
}
