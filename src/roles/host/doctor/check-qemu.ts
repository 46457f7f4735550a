/** Looks for QEMU processes that a signal or a debugger has stopped: their guests stand still. */
import { readdir, readFile } from "node:fs/promises";
import { parseQemuCommandLine } from "../../../discovery/qemu/qemu-options.ts";
import { nativePorts } from "../../../peers/dialect-table.ts";
import { printable } from "../../../printable.ts";
import { defineCheck } from "../../doctor/check.ts";
import type { Check } from "../../doctor/check.ts";
import { problem } from "../../doctor/finding.ts";
import type { Found } from "../../doctor/finding.ts";

/** A stopped process. `guest` is its name on the command line; `paths` are the sockets of its ports. */
export type StoppedQemu = { pid: number; isTraced: boolean; guest: string; paths: readonly string[] };

/** All of this host. Says nothing if there is none. */
export const CHECK_QEMU: Check = defineCheck<readonly StoppedQemu[]>({
  name: "qemu",
  look: () => findStoppedQemus(),
  judge: judgeStopped,
});

/** Returns the check of the QEMU of one guest. */
export function createQemuCheck(name: string): Check {
  return defineCheck<readonly StoppedQemu[]>({
    name: "qemu",
    async look({ invocation }) {
      const named = invocation.config.settings.guests.filter((guest) => guest.name === name);
      const sockets = new Set(named.map(({ socket }) => socket));
      const all = await findStoppedQemus();
      return all.filter(({ guest, paths }) => guest === name || paths.some((path) => sockets.has(path)));
    },
    judge: judgeStopped,
  });
}

function judgeStopped(stopped: readonly StoppedQemu[]): Found[] {
  return stopped.map(({ pid, isTraced, guest }) =>
    problem(
      `the QEMU process ${pid} of "${printable(guest)}" is stopped by a ${isTraced ? "debugger" : "signal"}`,
      isTraced
        ? `Let the debugger go: grep TracerPid /proc/${pid}/status`
        : `Let it go on: kill -CONT ${pid}`,
    ),
  );
}

/** Resolves with the QEMU processes that are stopped. Source: proc_pid_stat(5). */
export async function findStoppedQemus(procDirectory = "/proc"): Promise<StoppedQemu[]> {
  const names = (await readdir(procDirectory)).filter((name) => /^\d+$/.test(name));
  const found = names.map(async (name): Promise<StoppedQemu[]> => {
    const stat = await readFile(`${procDirectory}/${name}/stat`, "latin1").catch(() => "");
    const [, command = "", state] = /^\d+ \((.*)\) ([A-Za-z])/s.exec(stat) ?? [];
    if (!QEMU.test(command) || (state !== "T" && state !== "t")) return [];
    const line = await readFile(`${procDirectory}/${name}/cmdline`, "utf8").catch(() => "");
    const { name: guest = "?", sockets } = parseQemuCommandLine(line.split("\0"), new Set(nativePorts()));
    return [{ pid: Number(name), isTraced: state === "t", guest, paths: sockets.map(({ path }) => path) }];
  });
  return (await Promise.all(found)).flat();
}

/** The kernel keeps 15 characters of a name, as in `qemu-system-x86`. */
const QEMU = /^(?:qemu-|qemu$|kvm$)/;
