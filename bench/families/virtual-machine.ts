/** Measures a real guest: bytes through its port, and a small call beside them. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { formatMissing, vmRequirements } from "../../test/support/requirements.ts";
import type { Peer } from "../../src/peers/peer.ts";
import { GUEST_DATA, openBenchGuest } from "../bench-guest.ts";
import type { BenchContext } from "../context.ts";
import type { Measurement } from "../row.ts";
import { finishCommand, runCommand, startCommand } from "../sessions.ts";
import { measureRounds, median, timeEach } from "../statistics.ts";
import type { Lane } from "../statistics.ts";

const BYTES = 32_000_000;
const INPUT_PIECE_BYTES = 64 * 1024;
const WARM_UP_ROUNDS = 1;
const SMALL_CALLS = 15;
const NEWLINE = 10;

/** Each row's lanes: ours and the yardstick's. */
const ROW_LANES = {
  "vm-out-64k": ["out64k", "bareOut64k"],
  "vm-out-cat": ["out64k", "cat64k"],
  "vm-out-4k": ["out4k", "bareOut4k"],
  "vm-in": ["in", "bareIn"],
  "vm-small-call": ["callBeside", "callAlone"],
} as const;
type LaneName = (typeof ROW_LANES)[keyof typeof ROW_LANES][number];

const SEND_64K = `dd if=${GUEST_DATA} bs=64k 2>/dev/null`;
const SEND_4K = `dd if=${GUEST_DATA} bs=4k 2>/dev/null`;
const RECEIVE = "exec cat >/dev/null";
const COMMANDS = {
  "send-64k": `#!/bin/sh\n${SEND_64K}\n`,
  "send-4k": `#!/bin/sh\n${SEND_4K}\n`,
  receive: `#!/bin/sh\n${RECEIVE}\n`,
  nothing: "#!/bin/sh\nexit 0\n",
};

/** Measures the rows of the family `virtual-machine`. */
export async function measureVirtualMachine(
  { binary, rounds, yardsticks, say }: BenchContext,
  wanted: ReadonlySet<string>,
): Promise<Record<string, Measurement>> {
  const requirements = await vmRequirements();
  const rows = Object.entries(ROW_LANES).filter(([name]) => wanted.has(name));
  if (!requirements.ready) {
    const skipped = formatMissing("the virtual machine", requirements);
    return Object.fromEntries(rows.map(([name]) => [name, { skipped }]));
  }
  const portCopy = await yardsticks("port-copy");
  await using guest = await openBenchGuest({ binary, portCopy, dataBytes: BYTES, commands: COMMANDS });
  say("virtual-machine: the guest has booted");
  const { peer, barePort } = guest;
  const lanes: Record<LaneName, Lane> = {
    bareOut64k: () => readBare(barePort, "out", SEND_64K),
    out64k: () => readCommand(peer, "send-64k"),
    cat64k: () => readBare(barePort, "cat", SEND_64K),
    bareOut4k: () => readBare(barePort, "out", SEND_4K),
    out4k: () => readCommand(peer, "send-4k"),
    bareIn: () => writeBare(barePort),
    in: () => writeCommand(peer),
    callAlone: () => timeCalls(peer),
    callBeside: () => timeCallsBeside(peer),
  };
  const needed = new Set<string>(rows.flatMap(([, names]) => names));
  const chosen = Object.fromEntries(Object.entries(lanes).filter(([name]) => needed.has(name)));
  await measureRounds<LaneName>(chosen, WARM_UP_ROUNDS);
  const medianOf = await measureRounds<LaneName>(chosen, rounds);
  return Object.fromEntries(
    rows.map(([name, [ours, theirs]]) => [name, { figure: medianOf(ours), yardstick: medianOf(theirs) }]),
  );
}

async function readCommand(peer: Peer, command: string): Promise<number> {
  const startMs = performance.now();
  return rateOf(await runCommand(peer, command), startMs);
}

async function writeCommand(peer: Peer): Promise<number> {
  const startMs = performance.now();
  const running = startCommand(peer, "receive", true);
  const ended = finishCommand(running, "receive");
  const piece = crypto.getRandomValues(Buffer.alloc(INPUT_PIECE_BYTES));
  for (let sent = 0; sent < BYTES; sent += piece.length) {
    await running.stdin?.write(piece.subarray(0, Math.min(piece.length, BYTES - sent)));
  }
  running.stdin?.end();
  await ended;
  return rateOf(BYTES, startMs);
}

async function readBare(port: Socket, mode: "out" | "cat", command: string): Promise<number> {
  const startMs = performance.now();
  port.write(`${mode} ${BYTES} ${command}\n`);
  await receive(port, (seen) => seen >= BYTES);
  return rateOf(BYTES, startMs);
}

async function writeBare(port: Socket): Promise<number> {
  const startMs = performance.now();
  const done = receive(port, (_seen, last) => last.at(-1) === NEWLINE);
  port.write(`in ${BYTES} ${RECEIVE}\n`);
  const piece = crypto.getRandomValues(Buffer.alloc(INPUT_PIECE_BYTES));
  for (let sent = 0; sent < BYTES; sent += piece.length) {
    const isReady = port.write(piece.subarray(0, Math.min(piece.length, BYTES - sent)));
    if (!isReady) await once(port, "drain");
  }
  await done;
  return rateOf(BYTES, startMs);
}

/** Reads the port until `isEnd` returns true for the bytes so far and the last piece. */
function receive(port: Socket, isEnd: (seen: number, last: Buffer) => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  const take = (bytes: Buffer): void => {
    seen += bytes.length;
    if (!isEnd(seen, bytes)) return;
    port.off("data", take);
    resolve();
  };
  port.on("data", take);
  return promise;
}

async function timeCalls(peer: Peer): Promise<number> {
  return median(await timeEach(SMALL_CALLS, () => runCommand(peer, "nothing")));
}

async function timeCallsBeside(peer: Peer): Promise<number> {
  const bulk = runCommand(peer, "send-64k");
  const figure = await timeCalls(peer);
  await bulk;
  return figure;
}

function rateOf(bytes: number, startMs: number): number {
  return bytes / 1e3 / (performance.now() - startMs);
}
