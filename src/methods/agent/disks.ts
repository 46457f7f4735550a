/** `guest-get-disks` and `guest-get-diskstats`. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { defineAgentCommand } from "./agent-command.ts";
import { findDiskAddress, readText } from "./block-address.ts";

const DIRECTORY = "/sys/block";

/** Returns all disks that have a size, and their partitions. */
export const GET_DISKS = defineAgentCommand({
  name: "guest-get-disks",
  access: "usual",
  async run() {
    const names = await readdir(DIRECTORY).catch(() => []);
    return (await Promise.all(names.map(describeDisk))).flat();
  },
});

async function describeDisk(name: string) {
  const sysPath = await realpath(`${DIRECTORY}/${name}`);
  const size = (await readText(`${sysPath}/size`)) ?? "0";
  if (size === "0") return [];
  const [inside, below, address, alias] = await Promise.all([
    readdir(sysPath),
    readdir(`${sysPath}/slaves`).catch(() => []),
    findDiskAddress(sysPath),
    readText(`${sysPath}/dm/name`),
  ]);
  const disk = {
    name: `/dev/${name}`,
    partition: false,
    dependencies: below.map((other) => `/dev/${other}`),
    ...(address === undefined ? {} : { address }),
    ...(alias === undefined ? {} : { alias }),
  };
  const parts = inside.filter((part) => part.startsWith(name));
  return [
    disk,
    ...parts.map((part) => ({ name: `/dev/${part}`, partition: true, dependencies: [`/dev/${name}`] })),
  ];
}

/** The columns of /proc/diskstats after the name (Documentation/admin-guide/iostats.rst). */
const COUNTERS = [
  "read-ios read-merges read-sectors read-ticks write-ios write-merges write-sectors write-ticks",
  "ios-pgr total-ticks weight-ticks discard-ios discard-merges discard-sectors discard-ticks",
  "flush-ios flush-ticks",
].flatMap((names) => names.split(" "));

/** Returns the counters of all block devices. */
export const GET_DISKSTATS = defineAgentCommand({
  name: "guest-get-diskstats",
  access: "usual",
  async run() {
    const lines = (await readFile("/proc/diskstats", "latin1")).split("\n").filter((line) => line !== "");
    return lines.map((line) => {
      const [major, minor, name, ...counts] = line.trim().split(/\s+/);
      const known = COUNTERS.flatMap((counter, index) => {
        const count = counts[index];
        return count === undefined ? [] : [[counter, BigInt(count)]];
      });
      return { name, major: Number(major), minor: Number(minor), stats: Object.fromEntries(known) };
    });
  },
});
