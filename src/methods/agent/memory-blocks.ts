/** `guest-get-memory-blocks`, `guest-set-memory-blocks`, `guest-get-memory-block-info`. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { errnoOf } from "../../errors.ts";
import { flag, integer, listOf, members, optional } from "./agent-arguments.ts";
import { defineAgentCommand, failed, unsupported } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";
import { MACHINE } from "./machine-places.ts";

/** Returns the commands. */
export function createMemoryBlockCommands({ sys } = MACHINE): AgentCommand[] {
  const directory = `${sys}/devices/system/memory`;
  return [createGetBlocks(directory), createSetBlocks(directory), createGetBlockInfo(directory)];
}

/** Returns all blocks of memory that can be switched. */
const createGetBlocks = (directory: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-memory-blocks",
    access: "usual",
    async run() {
      const nodes = (await listDirectory(directory)).filter((name) => /^memory\d+$/.test(name));
      return Promise.all(
        nodes.map(async (node) => {
          const read = (name: string): Promise<string> =>
            readFile(`${directory}/${node}/${name}`, "latin1").catch(() => "");
          const [state, removable] = await Promise.all([read("state"), read("removable")]);
          return {
            "phys-index": Number(node.slice("memory".length)),
            online: state.startsWith("online"),
            "can-offline": !removable.startsWith("0"),
          };
        }),
      );
    },
  });

async function listDirectory(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    // A kernel without hot-pluggable memory has no such directory.
    if (errnoOf(thrown) === "ENOENT") throw unsupported();
    throw failed(`Can't open directory: "${directory}/": ${errnoText(thrown)}`);
  }
}

/** Switches blocks of memory. Returns the outcome for each. */
const createSetBlocks = (directory: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-set-memory-blocks",
    access: "ruled",
    args: {
      "mem-blks": listOf(members({ "phys-index": integer, online: flag, "can-offline": optional(flag) })),
    },
    async run({ "mem-blks": blocks }) {
      await listDirectory(directory);
      const outcomes = [];
      for (const { "phys-index": index, online } of blocks)
        outcomes.push({
          "phys-index": index,
          ...(await switchBlock(`${directory}/memory${index}/state`, online)),
        });
      return outcomes;
    },
  });

type Outcome = { response: "success" | "not-found" | "operation-not-supported" | "operation-failed" } & {
  "error-code"?: number;
};

async function switchBlock(path: string, online: boolean): Promise<Outcome> {
  try {
    const isOnline = (await readFile(path, "latin1")).startsWith("online");
    if (isOnline !== online) await writeFile(path, online ? "online" : "offline");
    return { response: "success" };
  } catch (thrown) {
    const name = errnoOf(thrown) ?? "";
    const code: number | undefined = Object.entries(constants.errno).find(([known]) => known === name)?.[1];
    const response = name === "ENOENT" ? "not-found" : "operation-failed";
    return { response, ...(code === undefined ? {} : { "error-code": code }) };
  }
}

/** Returns the size of a block in bytes. */
const createGetBlockInfo = (directory: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-memory-block-info",
    access: "usual",
    async run() {
      await listDirectory(directory);
      const text = await readFile(`${directory}/block_size_bytes`, "latin1");
      return { size: BigInt(`0x${text.trim()}`) };
    },
  });
