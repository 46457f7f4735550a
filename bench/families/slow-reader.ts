/** Measures the memory that a transfer takes while its reader is slow. */
import { setTimeout as delay } from "node:timers/promises";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";
import type { BenchContext } from "../context.ts";
import { writePayloads } from "../payloads.ts";
import { readPeak, resetPeak } from "../process-figures.ts";
import type { Measurement } from "../row.ts";
import { GUEST, openBenchStage } from "../stage.ts";

const BYTES = 1 << 30;
const FILE_BYTES = 1 << 28;
/** The reader takes a burst, then waits until the next one is due: 100 MB/s. */
const BURST_BYTES = 10_000_000;
const BURST_MS = 100;
/** From the start of the command line until the transfer. */
const SETTLE_MS = 3000;
const KIB_PER_MIB = 1024;

/** Measures the rows of the family `slow-reader`, once: it takes more than ten seconds. */
export async function measureSlowReader({ binary }: BenchContext): Promise<Record<string, Measurement>> {
  await using directory = await createTemporaryDirectory();
  const { random } = await writePayloads(directory.path, FILE_BYTES);
  const files = Array.from({ length: BYTES / FILE_BYTES }, () => random).join(" ");
  const gate = directory.at("gate");
  const commands = { send: `#!/bin/sh\nread -r line <${gate}\nexec cat ${files}\n` };
  await using stage = await openBenchStage({ binary, commands });
  await makeFifo(gate);
  const client = Bun.spawn([binary, "host", "execute", GUEST, "send"], {
    env: stage.host.environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  await delay(SETTLE_MS);
  const pids = { guest: stage.guest.daemon.pid, host: stage.host.daemon.pid, client: client.pid };
  const idle = await mapPids(pids, resetPeak);
  await Bun.write(gate, "go\n");
  const { bytes, peak } = await readSlowly(client.stdout, () => mapPids(pids, readPeak));
  await client.exited;
  if (bytes !== BYTES) throw new Error(`The slow reader got ${bytes} of ${BYTES} bytes`);
  return {
    "slow-guest": { figure: (peak.guest - idle.guest) / KIB_PER_MIB },
    "slow-host": { figure: (peak.host - idle.host) / KIB_PER_MIB },
    "slow-client": { figure: (peak.client - idle.client) / KIB_PER_MIB },
  };
}

type Pids = { guest: number; host: number; client: number };

async function mapPids(pids: Pids, read: (pid: number) => Promise<number>): Promise<Pids> {
  const [guest, host, client] = await Promise.all([read(pids.guest), read(pids.host), read(pids.client)]);
  return { guest, host, client };
}

/** Reads to the end. Returns the number of bytes, and the peaks before the command line ended. */
async function readSlowly(
  stream: ReadableStream<Uint8Array>,
  readPeaks: () => Promise<Pids>,
): Promise<{ bytes: number; peak: Pids }> {
  let bytes = 0;
  let burstBytes = 0;
  let burstStartMs = performance.now();
  let peak: Pids | undefined;
  for await (const piece of stream) {
    bytes += piece.length;
    burstBytes += piece.length;
    if (burstBytes < BURST_BYTES) continue;
    peak = await readPeaks();
    await delay(Math.max(0, BURST_MS - (performance.now() - burstStartMs)));
    burstStartMs = performance.now();
    burstBytes = 0;
  }
  if (peak === undefined) throw new Error("The slow reader got nothing");
  return { bytes, peak };
}

async function makeFifo(path: string): Promise<void> {
  await Bun.spawn(["mkfifo", path], { stdin: "ignore" }).exited;
}
