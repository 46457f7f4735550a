/** Measures the place of the QEMU guest agent beside that agent itself. */
import { symlink } from "node:fs/promises";
import { launchDaemon } from "../../test/support/program.ts";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";
import { connectTo } from "../agent-client.ts";
import type { AgentConnection } from "../agent-client.ts";
import type { BenchContext } from "../context.ts";
import { readMemory, readPeak } from "../process-figures.ts";
import type { Measurement } from "../row.ts";
import { measureRounds, median, timeEach } from "../statistics.ts";
import type { Lane } from "../statistics.ts";

/** Requests of one lane, before the next lane takes its turn; and such turns of a round. */
const PINGS = 100;
const PROGRAMS = 10;
const TURNS = 10;
const WARM_UP = 300;
/** The pieces of a manager that moves a file, and its size. */
const PIECE_BYTES = 1 << 20;
const PIECES = 16;
const KIB_PER_MIB = 1024;
const MICROSECONDS = 1000;
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Measures the rows of the family `guest-agent`. */
export async function measureGuestAgent({
  binary,
  rounds,
}: BenchContext): Promise<Record<string, Measurement>> {
  const other = Bun.which("qemu-ga", { PATH });
  if (other === null) return skipAll("this machine has no qemu-ga: apt-get install qemu-guest-agent");
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await createTemporaryDirectory());
  const link = directory.at("qemu-ga");
  await symlink(binary, link);
  const start = async (name: string, program: string, more: string[], env: Record<string, string>) => {
    const words = ["-m", "unix-listen", "-t", directory.path, "-p", directory.at(`${name}.sock`)];
    const { pid } = stack.use(launchDaemon([...words, ...more], { PATH, ...env }, [program]));
    const connection = stack.use(await connectTo(directory.at(`${name}.sock`)));
    await connection.ask("guest-ping");
    return { pid, works: createWorks(connection, directory.at(`${name}.data`)) };
  };
  const theirs = await start("theirs", other, ["-f", directory.at("pid")], {});
  const ours = await start("ours", link, [], {
    NEGOTIATOR_POLICY_FILE: await directory.write("policy.toml", '[[rules]]\naction = "allow"\n'),
    NEGOTIATOR_AUDIT_FILE: directory.at("audit.jsonl"),
    NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
  });
  const both = async (read: (pid: number) => Promise<number>): Promise<Measurement> => ({
    figure: (await read(ours.pid)) / KIB_PER_MIB,
    yardstick: (await read(theirs.pid)) / KIB_PER_MIB,
  });
  const memory = await both(async (pid) => (await readMemory(pid)).rss);
  for (const { exec, output } of [ours.works, theirs.works]) {
    for (let done = 0; done < WARM_UP; done += PROGRAMS) await exec();
    for (let done = 0; done < WARM_UP; done += PROGRAMS) await output();
  }
  const compared: Record<string, Measurement> = {};
  for (const name of WORKS) {
    const lanes = { ours: ours.works[name], theirs: theirs.works[name] };
    const medianOf = await measureRounds(lanes, rounds * TURNS);
    compared[`agent-${name}`] = { figure: medianOf("ours"), yardstick: medianOf("theirs") };
  }
  return { ...compared, "agent-memory": memory, "agent-peak": await both(readPeak) };
}

const WORKS = ["ping", "exec", "output", "write", "read"] as const;

/** Returns the lanes of an agent, which writes the file at `path` and reads it. */
function createWorks(agent: AgentConnection, path: string): Record<(typeof WORKS)[number], Lane> {
  const ask = (execute: string, args?: object) => agent.ask(execute, args);
  const run = async (args: object): Promise<void> => {
    const { pid } = await ask("guest-exec", { path: "/bin/true", ...args });
    while ((await ask("guest-exec-status", { pid }))["exited"] !== true);
  };
  const piece = Buffer.alloc(PIECE_BYTES, "0123456789").toString("base64");
  const move = async (mode: string, movePiece: (handle: unknown) => Promise<unknown>): Promise<number> => {
    const handle = Number(await ask("guest-file-open", { path, mode }));
    const startMs = performance.now();
    for (let done = 0; done < PIECES; done++) await movePiece(handle);
    const seconds = (performance.now() - startMs) / 1000;
    await ask("guest-file-close", { handle });
    return (PIECES * PIECE_BYTES) / 1e6 / seconds;
  };
  return {
    ping: async () => median(await timeEach(PINGS, () => ask("guest-ping"))) * MICROSECONDS,
    exec: async () => median(await timeEach(PROGRAMS, () => run({}))),
    output: async () => median(await timeEach(PROGRAMS, () => run({ "capture-output": true }))),
    write: () => move("w", (handle) => ask("guest-file-write", { handle, "buf-b64": piece })),
    read: () => move("r", (handle) => ask("guest-file-read", { handle, count: PIECE_BYTES })),
  };
}

function skipAll(skipped: string): Record<string, Measurement> {
  return Object.fromEntries(
    [...WORKS, "memory", "peak"].map((name) => [`agent-${name}`, { skipped }] as const),
  );
}
