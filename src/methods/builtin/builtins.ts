/** The table of built-in commands. They only read, and need no program of the system. */
import { formatDiskUsage, readDisks } from "./disk-usage.ts";
import { readDistribution } from "./distribution.ts";
import { formatAddresses } from "./ip-addresses.ts";

/** `run` returns the output of the command, with an end after each line. Arguments and input are ignored. */
export type Builtin = { name: string; description: string; run: () => Promise<string> | string };

/** All built-in commands, sorted by name. Names and formats are those of the scripts in python-negotiator. */
export const BUILTINS: readonly Builtin[] = [
  {
    name: "find-disk-usage",
    description: "each mounted disk: device, mount point, total bytes, used bytes",
    run: async () => formatDiskUsage(await readDisks()),
  },
  {
    name: "find-distribution-codename",
    description: "the code name of the Linux distribution, such as bookworm",
    run: async () => `${(await readDistribution()).codename}\n`,
  },
  {
    name: "find-distribution-release",
    description: "the release of the Linux distribution, such as 12",
    run: async () => `${(await readDistribution()).release}\n`,
  },
  {
    name: "find-distributor-id",
    description: "the name of the Linux distribution, such as Debian",
    run: async () => `${(await readDistribution()).id}\n`,
  },
  {
    name: "find-ip-addresses",
    description: "the IPv4 addresses with their prefix lengths, one per line",
    run: () => formatAddresses(),
  },
];
