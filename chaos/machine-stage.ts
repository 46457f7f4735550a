/** Owns a host on this machine and a real guest in QEMU. */
import { readFile } from "node:fs/promises";
import { GUEST, nameGuests, untilOpen } from "../bench/stage.ts";
import type { GuestFile } from "../test/support/guest-image.ts";
import type { GuestProcess } from "../test/support/guest-shell.ts";
import { STEP_TIMEOUT_MS } from "../test/support/timeouts.ts";
import { until } from "../test/support/until.ts";
import type { VirtualMachine } from "../test/support/virtual-machine.ts";
import { bootVm } from "../test/support/vm.ts";
import { formatCommands, STREAM_PIECES } from "./call.ts";
import type { Plant } from "./call.ts";
import { createSide } from "./stage.ts";
import type { ChaosSide, ChaosStage, StageOptions } from "./stage.ts";
import { writeStreams } from "./streams.ts";

/** The port between both sides. */
export const PORT = "negotiator-host-to-guest.0";

/** A stage with a real guest. `directory` has the host's files. */
export type MachineStage = ChaosStage & {
  readonly vm: VirtualMachine<typeof PORT>;
  readonly directory: string;
  /** The shell lines of the guest are gone, because its memory is an earlier one. */
  loseLines: () => void;
  /** Names the guest's socket in the host's config, and makes the daemon read it. */
  nameSocket: (path: string) => Promise<void>;
};

/** An emulated processor is so much slower than this machine. */
const SLOWNESS = 6;
/** A dozen command lines run at once, and the root file system is in memory. */
const MEMORY_MB = 1024;
const STREAMS = "/streams";
const COMMANDS = "/usr/lib/negotiator/commands";
/** A call that writes nothing down. */
const QUIET_COMMAND = "find-distribution-codename";

/** Boots the guest, starts both daemons and waits for their session. Disposal ends all of them. */
export async function openMachineStage(
  options: Pick<StageOptions, "binary" | "directory" | "random" | "plant"> & { hasSnapshots: boolean },
): Promise<MachineStage> {
  const { binary, directory, random, plant, hasSnapshots } = options;
  await using owned = new AsyncDisposableStack();
  const streamBytes = await writeStreams(directory, random);
  const ledger = `${directory}/guest.ledger`;
  await Bun.write(ledger, "");
  const files = guestFiles(directory, plant);
  const vm = owned.use(
    await bootVm({ binary, ports: [PORT], memoryMb: MEMORY_MB, files, ledger, hasSnapshots }),
  );
  const host = owned.use(await createSide("host", nameGuests({ [GUEST]: vm.sockets[PORT] }), options));
  const guest = createGuestSide(vm, ledger);
  await guest.start();
  await host.start();
  await untilOpen(`${directory}/host.sock`, GUEST);
  const quietMs = { host: await timeQuietCall(host), guest: await timeQuietCall(guest) };
  const kept = owned.move();
  return {
    sides: { host, guest },
    vm,
    directory,
    streamBytes,
    quietMs,
    slowness: SLOWNESS,
    loseLines: guest.loseLines,
    async nameSocket(path) {
      const config = await readFile(`${directory}/host.toml`, "utf8");
      await Bun.write(`${directory}/host.toml`, config.replace(/^socket = .*$/m, `socket = "${path}"`));
      await host.signal("SIGHUP");
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function guestFiles(directory: string, plant: Plant | undefined): Record<string, GuestFile> {
  const commands = formatCommands('append() { echo "$@" >/dev/ttyS2; }', plant);
  const streams = ["raw", "text"].flatMap((name) => [
    name,
    ...Array.from({ length: STREAM_PIECES }, (_, piece) => `${name}.${piece}`),
  ]);
  return {
    ...Object.fromEntries(
      Object.entries(commands).map(([name, text]) => [`${COMMANDS}/${name}`, { text, mode: 0o755 }]),
    ),
    ...Object.fromEntries(streams.map((name) => [`${STREAMS}/${name}`, { source: `${directory}/${name}` }])),
  };
}

function createGuestSide(
  vm: VirtualMachine<typeof PORT>,
  ledger: string,
): ChaosSide & Pick<MachineStage, "loseLines"> {
  let lost = Promise.withResolvers<"gone">();
  let daemon: GuestProcess | undefined;
  const running = (): GuestProcess => {
    if (daemon === undefined) throw new Error("The guest's daemon was not started");
    return daemon;
  };
  return {
    words: { program: "negotiator guest", peer: "", directory: STREAMS },
    run(line) {
      const child = vm.spawn(line);
      return {
        ended: Promise.race([child.exited.catch(() => "gone" as const), lost.promise]),
        kill: () => void vm.signal(child, "KILL").catch(() => undefined),
      };
    },
    signal: (name) => vm.signal(running(), name.replace("SIG", "")),
    pid: () => {
      throw new Error("The guest's daemon is in another machine");
    },
    ended: async () => void (await running().exited),
    async start() {
      daemon = vm.spawn("exec negotiator guest daemon 2>>/tmp/daemon.log");
      const serves = async (): Promise<boolean> => (await vm.run("negotiator guest status")).exitCode === 0;
      await until("the guest's daemon serves local users", serves, STEP_TIMEOUT_MS);
    },
    ledger: () => readFile(ledger, "utf8"),
    loseLines() {
      lost.resolve("gone");
      lost = Promise.withResolvers();
    },
  };
}

async function timeQuietCall({ run, words }: ChaosSide): Promise<number> {
  const startMs = performance.now();
  const ended = await run(`${words.program} execute -n ${words.peer} ${QUIET_COMMAND}`).ended;
  if (ended === "gone" || ended.exitCode !== 0)
    throw new Error(`A quiet call failed: ${JSON.stringify(ended)}`);
  return performance.now() - startMs;
}
