/** Where a block device is plugged in, as the guest agent's clients compare it with the machine's XML. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** The address of a disk. `bus`, `target` and `unit` are those of SCSI; other buses have 0. */
export type DiskAddress = {
  "pci-controller": { domain: number; bus: number; slot: number; function: number };
  "bus-type": string;
  bus: number;
  target: number;
  unit: number;
  dev: string;
  serial?: string;
};

/** Returns the real path of a block device in /sys, by `MAJOR:MINOR`. Rejects if there is none. */
export function sysPathOf(device: string): Promise<string> {
  return realpath(`/sys/dev/block/${device}`);
}

/** Returns the addresses of the disks that a device is on: several, for one that is made of others. */
export async function findDiskAddresses(sysPath: string): Promise<DiskAddress[]> {
  const below = await readdir(`${sysPath}/slaves`).catch(() => []);
  if (below.length > 0) {
    const paths = await Promise.all(below.map((name) => realpath(`${sysPath}/slaves/${name}`)));
    return (await Promise.all(paths.map(findDiskAddresses))).flat();
  }
  const address = await findDiskAddress(sysPath);
  return address === undefined ? [] : [address];
}

/** Returns the address of a disk, or of a partition's disk; undefined for a device without hardware. */
export async function findDiskAddress(sysPath: string): Promise<DiskAddress | undefined> {
  const isPartition = (await readText(`${sysPath}/partition`)) !== undefined;
  const disk = isPartition ? dirname(sysPath) : sysPath;
  const controller = controllerOf(sysPath);
  if (controller === undefined) return undefined;
  const driver = basename(await realpath(`${controller.path}/driver`).catch(() => ""));
  const place = await findPlace(sysPath, controller.path, driver);
  if (place === undefined) return undefined;
  const dev = `/dev/${basename(sysPath)}`;
  const serial = await findSerial(disk);
  return {
    "pci-controller": controller.address,
    ...place,
    dev,
    ...(serial === undefined ? {} : { serial }),
  };
}

/** The last PCI device of the path is the controller. */
function controllerOf(sysPath: string) {
  const found = [...sysPath.matchAll(/\/([\da-f]{4,}):([\da-f]{2}):([\da-f]{2})\.([0-7])(?=\/)/g)].at(-1);
  if (found === undefined) return undefined;
  const [text, domain = "", bus = "", slot = "", part = ""] = found;
  const [domainNumber = 0, busNumber = 0, slotNumber = 0, partNumber = 0] = [domain, bus, slot, part].map(
    (hex) => Number.parseInt(hex, 16),
  );
  return {
    path: sysPath.slice(0, found.index + text.length),
    address: { domain: domainNumber, bus: busNumber, slot: slotNumber, function: partNumber },
  };
}

type Place = Pick<DiskAddress, "bus-type" | "bus" | "target" | "unit">;

const AT_ZERO = { bus: 0, target: 0, unit: 0 } as const;

async function findPlace(sysPath: string, controller: string, driver: string): Promise<Place | undefined> {
  const [, host = "", bus = "", target = "", unit = ""] =
    /\/host(\d+)\/.*\/\d+:(\d+):(\d+):(\d+)\//.exec(`${sysPath}/`) ?? [];
  const scsi = { bus: Number(bus), target: Number(target), unit: Number(unit) };
  switch (driver) {
    case "virtio-pci":
      return host === "" ? { "bus-type": "virtio", ...AT_ZERO } : { "bus-type": "scsi", ...scsi };
    case "ata_piix":
      return { "bus-type": "ide", ...(await findIdePlace(controller, Number(host), Number(target))) };
    case "ahci":
    case "sym53c8xx":
    case "mptsas":
    case "megaraid_sas":
    case "mpt3sas":
    case "vmw_pvscsi":
      return driver === "ahci"
        ? { "bus-type": "sata", bus: 0, target: 0, unit: await portOf(controller, Number(host)) }
        : { "bus-type": "scsi", ...scsi };
    case "nvme":
      return { "bus-type": "nvme", ...AT_ZERO };
    default:
      return sysPath.includes("/usb") && host !== "" ? { "bus-type": "usb", ...AT_ZERO } : undefined;
  }
}

/** The first host number of a controller is its first channel. */
async function portOf(controller: string, host: number): Promise<number> {
  const ports = await readdir(controller).catch(() => []);
  const inside = await Promise.all(
    ports.filter((name) => name.startsWith("ata")).map((name) => readdir(`${controller}/${name}`)),
  );
  const hosts = [...ports, ...inside.flat()].flatMap((name) => {
    const [, number] = /^host(\d+)$/.exec(name) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
  return host - Math.min(host, ...hosts);
}

async function findIdePlace(controller: string, host: number, target: number) {
  return { bus: await portOf(controller, host), target: 0, unit: target };
}

/** Returns the serial number that udev has, or that the driver shows. */
async function findSerial(disk: string): Promise<string | undefined> {
  const number = (await readText(`${disk}/dev`)) ?? "";
  const udev = (await readText(`/run/udev/data/b${number}`)) ?? "";
  return /^E:ID_SERIAL=(.+)$/m.exec(udev)?.[1];
}

/** Returns the text of a file without its last line end; undefined if it cannot be read. */
export async function readText(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text?.replace(/\n$/, "");
}
