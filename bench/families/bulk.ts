/** Measures many bytes through both daemons and the command line. */
import { writeSink } from "../sink.ts";
import { openBareRelays } from "../bare-relays.ts";
import type { BenchContext } from "../context.ts";
import { writePayloads } from "../payloads.ts";
import type { Payload } from "../payloads.ts";
import type { Measurement } from "../row.ts";
import { runShell } from "../run-shell.ts";
import { parseSink } from "../sink.ts";
import { GUEST, openBenchStage } from "../stage.ts";
import type { BenchStage } from "../stage.ts";
import { measureRounds } from "../statistics.ts";
import type { Lane } from "../statistics.ts";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";

const BYTES = 200_000_000;

/** The lanes whose figures make a row: ours and the yardstick's. */
const ROW_LANES = {
  "bulk-out": ["out", "bareOut"],
  "bulk-in": ["in", "bareIn"],
  "encoded-out": ["encodedOut", "bareOut"],
  "encoded-in": ["encodedIn", "bareIn"],
  "zeros-out": ["zeros", "out"],
  "text-out": ["text", "out"],
} as const;
type LaneName = (typeof ROW_LANES)[keyof typeof ROW_LANES][number];

/** Measures the rows of the family `bulk`. */
export async function measureBulk(
  { binary, rounds, yardsticks }: BenchContext,
  wanted: ReadonlySet<string>,
): Promise<Record<string, Measurement>> {
  await using held = new AsyncDisposableStack();
  const directory = held.use(await createTemporaryDirectory());
  const payloads = await writePayloads(directory.path, BYTES);
  const sink = await writeSink(directory.path);
  const bare = await openBareRelays({
    relay: await yardsticks("relay"),
    directory: directory.path,
    source: payloads.random,
    sink,
    bytes: BYTES,
  });
  held.use(bare);
  const commands = {
    "send-random": sendScript(payloads.random),
    "send-zeros": sendScript(payloads.zeros),
    "send-text": sendScript(payloads.text),
    receive: `#!/bin/sh\nexec ${sink}\n`,
  };
  const open = async (settings: string): Promise<BenchStage> =>
    held.use(await openBenchStage({ binary, settings, commands }));
  const stage = await open("");
  const refusal = await findRefusal(binary, directory.path);
  const encoded = refusal === undefined ? await open(ENCODED) : undefined;

  const execute = `${binary} host execute ${GUEST}`;
  const out = (on: BenchStage, payload: Payload): Lane => {
    const line = `${execute} send-${payload} | ${sink}`;
    return async () => parseSink(await runShell(line, on.host.environment), BYTES);
  };
  const into = (on: BenchStage): Lane => {
    const line = `cat ${payloads.random} | ${execute} receive`;
    return async () => parseSink(await runShell(line, on.host.environment), BYTES);
  };
  const lanes: Record<LaneName, Lane | undefined> = {
    bareOut: bare.out,
    out: out(stage, "random"),
    zeros: out(stage, "zeros"),
    text: out(stage, "text"),
    encodedOut: encoded && out(encoded, "random"),
    bareIn: bare.in,
    in: into(stage),
    encodedIn: encoded && into(encoded),
  };

  const rows = Object.entries(ROW_LANES).filter(([name]) => wanted.has(name));
  const needed = new Set<string>(rows.flatMap(([, names]) => names));
  const chosen = Object.fromEntries(Object.entries(lanes).filter(([name]) => needed.has(name)));
  const medianOf = await measureRounds<LaneName>(chosen, rounds);
  return Object.fromEntries(
    rows.map(([name, [ours, theirs]]) => {
      if (lanes[ours] === undefined) return [name, { skipped: refusal ?? "" }];
      return [name, { figure: medianOf(ours), yardstick: medianOf(theirs) }];
    }),
  );
}

const ENCODED = "rawPayloads = false\n";

/** Returns why the binary cannot switch raw payloads off; undefined if it can. */
async function findRefusal(binary: string, directory: string): Promise<string | undefined> {
  const config = `${directory}/encoded.toml`;
  await Bun.write(config, ENCODED);
  const child = Bun.spawn([binary, "host", "print-config", "--config", config], {
    env: { PATH: "/usr/bin:/bin" },
    stdout: "pipe",
    stderr: "ignore",
  });
  const shown = await child.stdout.text();
  const isKnown = (await child.exited) === 0 && shown.includes("rawPayloads");
  return isKnown ? undefined : "this binary has no setting rawPayloads";
}

function sendScript(path: string): string {
  return `#!/bin/sh\nexec cat ${path}\n`;
}
