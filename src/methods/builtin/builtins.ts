/** The table of built-in commands. They only read, and need no program of the system. */
import { BUILTIN_NAMES } from "../../builtin-names.ts";
import type { BuiltinName } from "../../builtin-names.ts";
import { createBuiltinRunner } from "./builtin-run.ts";
import { formatDiskUsage, readDisks } from "./disk-usage.ts";
import { readDistribution } from "./distribution.ts";
import { formatAddresses } from "./ip-addresses.ts";

/**
 * `run` resolves with the output of the command, with an end after each line. Arguments and input are
 * ignored. It rejects as `createBuiltinRunner` says.
 */
export type Builtin = {
  name: string;
  description: string;
  run: (signal?: AbortSignal) => Promise<string> | string;
};

/**
 * Descriptions and code of the commands. Names and formats are those of the scripts in python-negotiator. The
 * code may hang, so only a child runs it.
 */
const TABLE: Readonly<Record<BuiltinName, { description: string; run: () => Promise<string> | string }>> = {
  "find-disk-usage": {
    description: "each mounted disk: device, mount point, total bytes, used bytes",
    run: async () => formatDiskUsage(await readDisks()),
  },
  "find-distribution-codename": {
    description: "the code name of the Linux distribution, such as bookworm",
    run: async () => `${(await readDistribution()).codename}\n`,
  },
  "find-distribution-release": {
    description: "the release of the Linux distribution, such as 12",
    run: async () => `${(await readDistribution()).release}\n`,
  },
  "find-distributor-id": {
    description: "the name of the Linux distribution, such as Debian",
    run: async () => `${(await readDistribution()).id}\n`,
  },
  "find-ip-addresses": {
    description: "the IPv4 addresses with their prefix lengths, one per line",
    run: () => formatAddresses(),
  },
};

const inChild = createBuiltinRunner();

/** Ends the children that run built-in commands. The next call starts another one. */
export function endBuiltinChildren(): void {
  inChild[Symbol.dispose]();
}

/** All built-in commands, sorted by name. */
export const BUILTINS: readonly Builtin[] = selectBuiltins(BUILTIN_NAMES);

/** Returns the built-in commands of these names, sorted by name. Unknown names have none. */
export function selectBuiltins(names: readonly string[]): readonly Builtin[] {
  return BUILTIN_NAMES.filter((name) => names.includes(name)).map((name) => ({
    name,
    description: TABLE[name].description,
    run: (signal) => inChild.run(name, signal),
  }));
}

/** Runs a command in this process. Resolves with undefined for an unknown name. */
export async function runHere(name: string): Promise<string | undefined> {
  const known = BUILTIN_NAMES.find((candidate) => candidate === name);
  return known === undefined ? undefined : await TABLE[known].run();
}
