/** `guest-get-disks` and `guest-get-diskstats`. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { defineAgentCommand } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { findDiskAddress, readText } from "./block-address.ts";
import { MACHINE } from "./machine-places.ts";

/** Returns the commands. */
export function createDiskCommands({ proc, sys } = MACHINE): AgentCommand[] {
  return [createGetDisks(`${sys}/block`), createGetDiskStats(`${proc}/diskstats`)];
}

/** Returns all disks that have a size, and their partitions. */
const createGetDisks = (directory: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-disks",
    access: "usual",
    async run() {
      const names = await readdir(directory).catch(() => []);
      return (await Promise.all(names.map((name) => describeDisk(directory, name)))).flat();
    },
  });

async function describeDisk(directory: string, name: string) {
  const sysPath = await realpath(`${directory}/${name}`);
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
const createGetDiskStats = (counters: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-diskstats",
    access: "usual",
    async run() {
      const lines = (await readFile(counters, "latin1")).split("\n").filter((line) => line !== "");
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
