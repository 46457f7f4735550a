/** `guest-get-memory-blocks`, `guest-set-memory-blocks`, `guest-get-memory-block-info`. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { errnoOf } from "../../errors.ts";
import { flag, integer, listOf, members, optional } from "./agent-arguments.ts";
import { defineAgentCommand, failed, unsupported } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";

const DIRECTORY = "/sys/devices/system/memory";

/** Returns all blocks of memory that can be switched. */
export const GET_MEMORY_BLOCKS = defineAgentCommand({
  name: "guest-get-memory-blocks",
  access: "usual",
  async run() {
    const nodes = (await listDirectory()).filter((name) => /^memory\d+$/.test(name));
    return Promise.all(
      nodes.map(async (node) => {
        const read = (name: string): Promise<string> =>
          readFile(`${DIRECTORY}/${node}/${name}`, "latin1").catch(() => "");
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

async function listDirectory(): Promise<string[]> {
  try {
    return await readdir(DIRECTORY);
  } catch (thrown) {
    // A kernel without hot-pluggable memory has no such directory.
    if (errnoOf(thrown) === "ENOENT") throw unsupported();
    throw failed(`Can't open directory: "${DIRECTORY}/": ${errnoText(thrown)}`);
  }
}

/** Switches blocks of memory. Returns the outcome for each. */
export const SET_MEMORY_BLOCKS = defineAgentCommand({
  name: "guest-set-memory-blocks",
  access: "ruled",
  args: {
    "mem-blks": listOf(members({ "phys-index": integer, online: flag, "can-offline": optional(flag) })),
  },
  async run({ "mem-blks": blocks }) {
    await listDirectory();
    const outcomes = [];
    for (const { "phys-index": index, online } of blocks)
      outcomes.push({ "phys-index": index, ...(await switchBlock(index, online)) });
    return outcomes;
  },
});

type Outcome = { response: "success" | "not-found" | "operation-not-supported" | "operation-failed" } & {
  "error-code"?: number;
};

async function switchBlock(index: bigint, online: boolean): Promise<Outcome> {
  const path = `${DIRECTORY}/memory${index}/state`;
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
export const GET_MEMORY_BLOCK_INFO = defineAgentCommand({
  name: "guest-get-memory-block-info",
  access: "usual",
  async run() {
    await listDirectory();
    const text = await readFile(`${DIRECTORY}/block_size_bytes`, "latin1");
    return { size: BigInt(`0x${text.trim()}`) };
  },
});
