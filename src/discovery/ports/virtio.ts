/** In a guest: which virtio-serial ports the kernel has, by the names that the host gave them. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../errors.ts";

/** `device` is the path to open: `/dev/virtio-ports/NAME` where udev made that link, else `/dev/vportXpY`. */
export type Port = { name: string; device: string };

/** Where the kernel shows things; other directories are for tests. */
export type PortPlaces = { sysDirectory?: string; devDirectory?: string; procDirectory?: string };

/**
 * All named ports, in the order of their device names; none when the driver is not loaded. Whether a device node exists
 * is not checked. Source: `drivers/char/virtio_console.c`, class `virtio-ports`, attribute `name`.
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

/** The port of that name; undefined when there is none, and `explainMissing` then says why. */
export async function findPort(name: string, places: PortPlaces = {}): Promise<Port | undefined> {
  const ports = await findPorts(places);
  return ports.find((port) => port.name === name);
}

const byNumber = new Intl.Collator("en", { numeric: true }).compare;

/** Empty for ports without a name (consoles) and for a port that was unplugged meanwhile. */
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
  // A link left over from another numbering of the ports would lead to a foreign port.
  const [target, real] = await Promise.all(
    [link, device].map((path) => realpath(path).catch(() => undefined)),
  );
  return target !== undefined && target === real ? link : device;
}
