/** Measures small calls on open sessions. */
import { chmod } from "node:fs/promises";
import { listCommandsOf } from "../../src/peers/remote-command.ts";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";
import type { BenchContext } from "../context.ts";
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
  const guest = await startSide("guest", { binary, directory: directory.path, own, commands });
  await using _ = guest.daemon;
  const peer = await port.peer;

  const script = await directory.write("script", SCRIPT);
  await chmod(script, 0o755);
  const works = {
    spawn: () => spawnOnce(script),
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
    call: { figure: medianOf("call"), yardstick: medianOf("spawn") },
    "port-call": { figure: medianOf("portCall"), yardstick: medianOf("spawn") },
    "list-commands": { figure: medianOf("list"), yardstick: medianOf("info") },
  };
}

function laneOf(work: () => Promise<unknown>): Lane {
  return async () => median(await timeEach(CALLS, work));
}

/** Runs the script with the same pipes as the guest's daemon does. */
async function spawnOnce(script: string): Promise<void> {
  const child = Bun.spawn([script], { stdin: "ignore", stdout: "pipe", stderr: "pipe", cwd: "/" });
  await Promise.all([child.stdout.bytes(), child.stderr.bytes(), child.exited]);
}
