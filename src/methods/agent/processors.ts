/** `guest-get-vcpus`, `guest-set-vcpus`, `guest-get-cpustats`. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { errnoOf } from "../../errors.ts";
import { flag, integer, listOf, members, optional } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";
import { MACHINE } from "./machine-places.ts";

/** Returns the commands. */
export function createProcessorCommands({ proc, sys } = MACHINE): AgentCommand[] {
  const directory = `${sys}/devices/system/cpu`;
  return [createGetVcpus(directory), createSetVcpus(directory), createGetCpuStats(`${proc}/stat`)];
}

/** Returns all processors. One without a switch is online. */
const createGetVcpus = (directory: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-vcpus",
    access: "usual",
    async run() {
      const nodes = (await readdir(directory)).filter((name) => /^cpu\d+$/.test(name));
      return Promise.all(
        nodes.map(async (node) => {
          const online = await readFile(`${directory}/${node}/online`, "latin1").catch(() => undefined);
          return {
            "logical-id": Number(node.slice("cpu".length)),
            online: online?.trim() !== "0",
            "can-offline": online !== undefined,
          };
        }),
      );
    },
  });

/** Switches processors on and off in order. Returns how many before the first failure. */
const createSetVcpus = (directory: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-set-vcpus",
    access: "ruled",
    args: {
      vcpus: listOf(members({ "logical-id": integer, online: flag, "can-offline": optional(flag) })),
    },
    async run({ vcpus }) {
      let count = 0;
      for (const { "logical-id": id, online } of vcpus) {
        const problem = await switchProcessor(`${directory}/cpu${id}`, id, online);
        if (problem !== undefined && count === 0) throw failed(problem);
        if (problem !== undefined) break;
        count++;
      }
      return count;
    },
  });

async function switchProcessor(directory: string, id: bigint, online: boolean): Promise<string | undefined> {
  const path = `${directory}/online`;
  try {
    await readdir(directory);
    const present = await readFile(path, "latin1").catch(() => undefined);
    if (present === undefined) return online ? undefined : `logical processor #${id} can't be offlined`;
    if ((present.trim() === "1") !== online) await writeFile(path, online ? "1" : "0");
    return undefined;
  } catch (thrown) {
    const name = errnoOf(thrown) === "ENOENT" ? `open("${directory}/")` : `write("${path}")`;
    return `${name}: ${errnoText(thrown)}`;
  }
}

const COUNTERS = "user nice system idle iowait irq softirq steal guest guestnice".split(" ");
/** The kernel counts in hundredths of a second for programs (`USER_HZ`, time(7)). */
const TICK_MS = 10n;

/** Returns the time of each processor in its states, in milliseconds. */
const createGetCpuStats = (counters: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-cpustats",
    access: "usual",
    async run() {
      const lines = [...(await readFile(counters, "latin1")).matchAll(/^cpu(\d+) (.*)$/gm)];
      return lines.map(([, cpu, rest = ""]) => {
        const counts = rest.trim().split(/\s+/).map(BigInt);
        const known = COUNTERS.flatMap((name, index) => {
          const ticks = counts[index];
          return ticks === undefined ? [] : [[name, ticks * TICK_MS]];
        });
        return { type: "linux", cpu: Number(cpu), ...Object.fromEntries(known) };
      });
    },
  });
