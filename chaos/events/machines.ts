/** Cases that disturb a real guest. */
import { setTimeout as delay } from "node:timers/promises";
import { untilOpen, GUEST } from "../../bench/stage.ts";
import { endsNone } from "../case.ts";
import type { MachineCase } from "../case.ts";
import { PORT } from "../machine-stage.ts";
import type { MachineStage } from "../machine-stage.ts";

const PAUSE_MS = 4000;

/** Only the host can call then. */
const HOST_ONLY = ["host"] as const;

/** Each has the default limits of time. */
export const MACHINE_CASES: Readonly<Record<string, MachineCase>> = {
  "vm-reboot": endsAll("the guest reboots", async ({ vm }, during) => {
    const booted = vm.reboot();
    during(HOST_ONLY);
    await booted;
  }),
  "vm-reset": endsAll("the guest is reset", async ({ vm }, during) => {
    const booted = vm.reset();
    during(HOST_ONLY);
    await booted;
  }),
  "vm-power-off": endsAll("the guest is switched off, and started", async ({ vm }, during) => {
    vm.spawn("poweroff -f");
    await vm.ended();
    during(HOST_ONLY);
    await vm.boot();
  }),
  "vm-qemu-killed": endsAll("QEMU is killed, and started", async ({ vm }, during) => {
    process.kill(vm.pid, "SIGKILL");
    await vm.ended();
    during(HOST_ONLY);
    await vm.boot();
  }),
  "vm-pause": goesOn("the guest is paused for 4 s", async ({ vm }, during) => {
    await vm.pause();
    during();
    await delay(PAUSE_MS);
    await vm.resume();
  }),
  "vm-save": goesOn("the guest is saved and restored", ({ vm }, during) =>
    vm.saveAndRestore(async () => during(HOST_ONLY)),
  ),
  "vm-migrate": goesOn("the guest migrates to a second QEMU with another socket", migrate),
  "vm-clock": goesOn("the guest's clock goes a year forth and back", async ({ vm }, during) => {
    const year = 365 * 24 * 3600;
    await vm.run(`date -s @$(($(date +%s) + ${year}))`);
    during();
    await delay(PAUSE_MS);
    await vm.run(`date -s @$(($(date +%s) - ${year}))`);
  }),
  "vm-revert": {
    kind: "machine",
    what: "the guest goes back to a snapshot from before the calls",
    mayEnd: () => true,
    mayRepeat: ({ from }) => from === "host",
    hasSnapshots: true,
    prepare: ({ vm }) => vm.saveSnapshot(),
    // The daemon of the snapshot goes on.
    async strike({ vm, loseLines }, { during }) {
      await vm.loadSnapshot();
      loseLines();
      during(HOST_ONLY);
    },
  },
};

type MachineStrike = (stage: MachineStage, during: (sides?: readonly ["host"]) => void) => Promise<void>;

function goesOn(what: string, strike: MachineStrike): MachineCase {
  return { kind: "machine", what, mayEnd: endsNone, strike: (stage, { during }) => strike(stage, during) };
}

/** The guest's memory is lost with all its processes. Its daemon is started again. */
function endsAll(what: string, strike: MachineStrike): MachineCase {
  return {
    kind: "machine",
    what,
    mayEnd: () => true,
    async strike(stage, { during }) {
      await strike(stage, during);
      await stage.sides.guest.start();
    },
  };
}

/** Each migration has another folder: the number of those before. */
let migrations = 0;

async function migrate(stage: MachineStage, during: (sides?: readonly ["host"]) => void): Promise<void> {
  const folder = `${stage.directory}/moved${migrations++}`;
  const path = `${folder}/port`;
  during(HOST_ONLY);
  await stage.vm.migrate(folder, { [PORT]: path });
  await stage.nameSocket(path);
  await untilOpen(`${stage.directory}/host.sock`, GUEST);
}
