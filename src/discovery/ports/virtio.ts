/** Finds the virtio-serial ports of a guest's kernel by the names that the host gave them. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../errors.ts";

/**
 * A port. `device` is the path to open: udev's link `/dev/virtio-ports/NAME`, or `/dev/vportXpY` without it.
 */
export type Port = { name: string; device: string };

/** The directories to read; tests pass others. */
export type PortPlaces = { sysDirectory?: string; devDirectory?: string; procDirectory?: string };

/**
 * Returns all named ports in the order of their numbers, none when the driver is not loaded. It does not
 * check that the device node exists. Source: `drivers/char/virtio_console.c`, class `virtio-ports`, attribute
 * `name`.
 */
export async function findPorts(places: PortPlaces = {}): Promise<Port[]> {
  const { sysDirectory = "/sys/class/virtio-ports", devDirectory = "/dev" } = places;
  const nodes = await readdir(sysDirectory).catch(() => []);
  const ports = await Promise.all(
    nodes.toSorted(byNumber).map(async (node): Promise<Port[]> => {
      const name = await readName(join(sysDirectory, node, "name"));
      return name === "" ? [] : [{ name, device: await deviceOf(node, name, devDirectory) }];
    }),
  );
  return ports.flat();
}

/** Returns the port of that name; undefined when it is missing, and then `explainMissing` has the reason. */
export async function findPort(name: string, places: PortPlaces = {}): Promise<Port | undefined> {
  const ports = await findPorts(places);
  return ports.find((port) => port.name === name);
}

const byNumber = new Intl.Collator("en", { numeric: true }).compare;

/** Returns an empty name for consoles, which have none, and for a port that was unplugged meanwhile. */
async function readName(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/\n$/, "");
  } catch (error) {
    if (["ENOENT", "ENODEV", "ENOTDIR"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}

async function deviceOf(node: string, name: string, devDirectory: string): Promise<string> {
  const device = join(devDirectory, node);
  const link = join(devDirectory, "virtio-ports", name);
  // An old link from another numbering of the ports would lead to the wrong port.
  const [target, real] = await Promise.all(
    [link, device].map((path) => realpath(path).catch(() => undefined)),
  );
  return target !== undefined && target === real ? link : device;
}
