/** Explains in a guest why a port is missing or does not open, and what to do about it. */
import { access, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { attachLine } from "../attach-line.ts";
import { findHolders } from "./holders.ts";
import type { Holder } from "./holders.ts";
import { findPorts } from "./virtio.ts";
import type { Port, PortPlaces } from "./virtio.ts";
import { shellWord } from "../../shell-word.ts";

/**
 * Explains why this guest has no port of that name. Returns `NO_CHANNEL`, because the host can add it at any
 * time.
 */
export async function explainMissing(name: string, places: PortPlaces = {}): Promise<NegotiatorError> {
  const { sysDirectory = "/sys/class/virtio-ports", procDirectory = "/proc" } = places;
  const missing = (condition: string, remedy: string): NegotiatorError =>
    new NegotiatorError("NO_CHANNEL", `Cannot find port "${name}": ${condition}`, { remedy });

  if (!(await exists(sysDirectory))) {
    const modules = await readFile(join(procDirectory, "modules"), "utf8").catch(() => "");
    if (/^virtio_console /m.test(modules)) {
      const remedy = "Run outside the container, or mount it: mount -t sysfs sysfs /sys";
      return missing(`the driver virtio_console is loaded, but "${sysDirectory}" is missing`, remedy);
    }
    const remedy =
      "Load it with: modprobe virtio_console\n" +
      `If it is loaded and the message stays, there is no virtio-serial device. ${attach(name)}`;
    return missing("the driver virtio_console is not loaded", remedy);
  }
  const names = (await findPorts(places)).map((port) => `"${printable(port.name)}"`);
  if (names.length === 0) return missing("the host gives this guest no port", attach(name));
  return missing(`the host gives this guest only ${names.join(", ")}`, attach(name));
}

/**
 * Explains why opening the port's device threw `thrown`. Returns `BUSY` with the processes that have it open,
 * `DENIED` or `NO_CHANNEL`. Only root sees the processes of all users.
 */
export async function explainRefusal(
  port: Port,
  thrown: unknown,
  places: PortPlaces = {},
): Promise<NegotiatorError> {
  const { name, device } = port;
  const refusal = (code: "BUSY" | "DENIED" | "NO_CHANNEL", condition: string, remedy: string) =>
    new NegotiatorError(code, `Cannot open port "${name}": ${condition}`, { remedy, cause: thrown });

  switch (errnoOf(thrown)) {
    case "EBUSY": {
      const holders = await findHolders(device, places.procDirectory);
      const who = holders.length === 0 ? "another process" : holders.map(describeHolder).join(", ");
      return refusal("BUSY", `${who} has "${device}" open`, explainFreeing(device, holders));
    }
    case "EACCES":
    case "EPERM":
      return refusal("DENIED", `no permission to use "${device}"`, "Run as root, with sudo");
    case "ENOENT":
      return refusal("NO_CHANNEL", `the device node "${device}" is missing`, await nodeRemedy(port, places));
    case "ENODEV":
    case "ENXIO":
      return refusal("NO_CHANNEL", `"${device}" has no port, or the host removed the port`, attach(name));
    default:
      return refusal(
        "NO_CHANNEL",
        NegotiatorError.from(thrown).message,
        `Check the device: ls -l ${shellWord(device)}`,
      );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function attach(name: string): string {
  return `Add the port on the host, with the name of this guest: ${attachLine("GUEST", name)}`;
}

function describeHolder({ pid, command, unit }: Holder): string {
  const self = pid === process.pid ? "this process" : `process ${pid} (${printable(command)})`;
  return unit === undefined ? self : `${self} of ${printable(unit)}`;
}

function explainFreeing(device: string, holders: readonly Holder[]): string {
  const [holder] = holders;
  if (holder === undefined) return `Find it as root with: fuser -v ${shellWord(device)}`;
  if (holder.pid === process.pid) return "Open each port only once";
  const { pid, unit } = holder;
  return `Stop it with: ${unit === undefined ? `kill ${pid}` : `systemctl stop ${unit}`}`;
}

async function nodeRemedy(port: Port, places: PortPlaces): Promise<string> {
  const { sysDirectory = "/sys/class/virtio-ports" } = places;
  // Without udev or mdev, nothing makes the node of the device number that the kernel shows in `dev`.
  const numbers = await readFile(join(sysDirectory, basename(port.device), "dev"), "utf8").catch(() => "");
  const [, major, minor] = /^(\d+):(\d+)/.exec(numbers) ?? [];
  if (major === undefined || minor === undefined) return "Let udev make it: udevadm trigger --settle";
  const makeNode = `mknod -m 600 ${port.device} c ${major} ${minor}`;
  return `Let udev make it (udevadm trigger --settle), or by hand: ${makeNode}`;
}
