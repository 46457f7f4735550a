/** Measures small calls on open sessions. */
import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { listCommandsOf } from "../../src/peers/remote-command.ts";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";
import type { BenchContext } from "../context.ts";
import { readFamilySeconds } from "../process-figures.ts";
import type { Measurement } from "../row.ts";
import { listenAsHost, openControl, runCommand } from "../sessions.ts";
import { GUEST, openBenchStage, startSide } from "../stage.ts";
import { measureRounds, median, timeEach } from "../statistics.ts";
import type { Lane } from "../statistics.ts";

/** Calls of one lane, before the next lane takes its turn; and such turns of a round. */
const CALLS = 10;
const TURNS = 10;
const WARM_UP_CALLS = 200;
const SCRIPT = "#!/bin/sh\nexit 0\n";
/** So many commands are in the guest's directory. */
const COMMANDS = 10;
/** The kernel counts processor time in ticks of ten milliseconds, so one figure needs many calls. */
const COUNTED_CALLS = 100;
/** A user of every system. */
const OTHER_USER = { name: "nobody", uid: 65_534 };
/** The deadline of a call. */
const CALL_MS = 60_000;

/** Measures the rows of the family `calls`. */
export async function measureCalls({ binary, rounds }: BenchContext): Promise<Record<string, Measurement>> {
  await using directory = await createTemporaryDirectory();
  const commands = Object.fromEntries(Array.from({ length: COMMANDS }, (_, at) => [`command-${at}`, SCRIPT]));
  await using stage = await openBenchStage({ binary, commands });
  await using control = await openControl(stage.host.control, GUEST);

  await using port = await listenAsHost(directory.at("port"));
  const own = `characterDevice = "${directory.at("port")}"`;
  // The other user has to reach the command. All directories of a run are in one.
  await chmod(directory.path, 0o711);
  if (dirname(directory.path) === process.env["TMPDIR"]) await chmod(dirname(directory.path), 0o711);
  const all = { ...commands, "as-user": SCRIPT, "as-user.toml": `user = "${OTHER_USER.name}"\n` };
  const guest = await startSide("guest", { binary, directory: directory.path, own, commands: all });
  await using _ = guest.daemon;
  const peer = await port.peer;

  const script = await directory.write("script", SCRIPT);
  await chmod(script, 0o755);
  const works = {
    spawn: () => spawnOnce([script]),
    call: () => runCommand(control.peer, "command-0"),
    portCall: () => runCommand(peer, "command-0"),
    list: () => listCommandsOf(peer, { timeoutMs: CALL_MS }),
    info: () => peer.call("info", {}, { timeoutMs: CALL_MS }).result,
  };
  for (const work of Object.values(works)) await timeEach(WARM_UP_CALLS, work);
  const medianOf = await measureRounds<keyof typeof works>(
    Object.fromEntries(Object.entries(works).map(([name, work]) => [name, laneOf(work)])),
    rounds * TURNS,
  );
  return {
    "user-call": await measureUserCall({
      pid: guest.daemon.pid,
      call: () => runCommand(peer, "as-user"),
      script,
      rounds,
    }),
    call: { figure: medianOf("call"), yardstick: medianOf("spawn") },
    "port-call": { figure: medianOf("portCall"), yardstick: medianOf("spawn") },
    "list-commands": { figure: medianOf("list"), yardstick: medianOf("info") },
  };
}

type UserCall = { pid: number; call: () => Promise<unknown>; script: string; rounds: number };

/** Compares the processor time of the guest's daemon with that of this process; both with their children. */
async function measureUserCall({ pid, call, script, rounds }: UserCall): Promise<Measurement> {
  if (process.getuid?.() !== 0 || Bun.which("setpriv") === null) return { skipped: "needs root and setpriv" };
  const words = [
    "setpriv",
    `--reuid=${OTHER_USER.uid}`,
    `--regid=${OTHER_USER.uid}`,
    "--clear-groups",
    script,
  ];
  await timeEach(WARM_UP_CALLS, call);
  const lanes = { ours: processorLane(pid, call), bare: processorLane(process.pid, () => spawnOnce(words)) };
  const medianOf = await measureRounds<keyof typeof lanes>(lanes, rounds);
  return { figure: medianOf("ours"), yardstick: medianOf("bare") };
}

/** Measures the processor time of a call, of the process `pid` with its children. */
function processorLane(pid: number, work: () => Promise<unknown>): Lane {
  return async () => {
    const before = await readFamilySeconds(pid);
    for (let done = 0; done < COUNTED_CALLS; done++) await work();
    return (((await readFamilySeconds(pid)) - before) * 1000) / COUNTED_CALLS;
  };
}

function laneOf(work: () => Promise<unknown>): Lane {
  return async () => median(await timeEach(CALLS, work));
}

/** Runs the program with the same pipes as the guest's daemon does. */
async function spawnOnce(words: string[]): Promise<void> {
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "pipe", stderr: "pipe", cwd: "/" });
  await Promise.all([child.stdout.bytes(), child.stderr.bytes(), child.exited]);
}
