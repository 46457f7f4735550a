/** Measures a host's daemon with a thousand guests. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";
import type { BenchContext } from "../context.ts";
import { readMemory, readProcessorSeconds } from "../process-figures.ts";
import type { Measurement } from "../row.ts";
import { nameGuests, startSide } from "../stage.ts";

const GUESTS = 1000;
/**
 * From the last open session, or from the start without guests, until the daemon counts as idle. The first
 * pings of a thousand sessions are sent in this time: they also compile the code that sends and reads pings.
 */
const SETTLE_MS = 25_000;
/** Two rounds of pings. */
const IDLE_MS = 20_000;
const AGENTS = join(import.meta.dir, "../programs/guest-agents.ts");

/** Measures the rows of the family `many-guests`, once: the figures hardly differ between rounds. */
export async function measureManyGuests({ binary, say }: BenchContext): Promise<Record<string, Measurement>> {
  const withoutGuests = await measureMemoryWithoutGuests(binary);
  await using held = new AsyncDisposableStack();
  const directory = held.use(await createTemporaryDirectory());
  const agents = Bun.spawn([process.execPath, AGENTS, directory.path, String(GUESTS)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  held.defer(async () => {
    agents.kill("SIGKILL");
    await agents.exited;
  });
  const lines = agents.stdout[Symbol.asyncIterator]();
  await waitFor(lines, "listening");

  const names = Array.from({ length: GUESTS }, (_, at) => [`guest-${at}`, directory.at(String(at))] as const);
  const startMs = performance.now();
  const own = nameGuests(Object.fromEntries(names));
  const { daemon } = await startSide("host", { binary, directory: directory.path, own });
  held.use(daemon);
  await waitFor(lines, "open");
  const openSeconds = (performance.now() - startMs) / 1000;
  say(`many-guests: ${GUESTS} sessions are open after ${openSeconds.toFixed(1)} s`);

  await delay(SETTLE_MS);
  const busyBefore = await readProcessorSeconds(daemon.pid);
  const idleStartMs = performance.now();
  await delay(IDLE_MS);
  const idleSeconds = (performance.now() - idleStartMs) / 1000;
  const busySeconds = (await readProcessorSeconds(daemon.pid)) - busyBefore;
  const { rss } = await readMemory(daemon.pid);
  return {
    "guests-memory": { figure: (rss - withoutGuests) / GUESTS },
    "guests-open": { figure: openSeconds },
    "guests-processor": { figure: (100 * busySeconds) / idleSeconds },
  };
}

/** In KiB. */
async function measureMemoryWithoutGuests(binary: string): Promise<number> {
  await using directory = await createTemporaryDirectory();
  const { daemon } = await startSide("host", { binary, directory: directory.path, own: nameGuests({}) });
  await using _ = daemon;
  await delay(SETTLE_MS);
  return (await readMemory(daemon.pid)).rss;
}

async function waitFor(lines: AsyncIterator<Uint8Array>, line: string): Promise<void> {
  const { done, value } = await lines.next();
  const said = done === true ? "nothing" : Buffer.from(value).toString().trim();
  if (said !== line) throw new Error(`The agents printed "${said}" instead of "${line}"`);
}
