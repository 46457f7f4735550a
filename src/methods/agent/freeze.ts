/** `guest-fsfreeze-status`, `-freeze`, `-freeze-list`, `-thaw`, and the hook around them. */
import { resolve } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createFreezer } from "../../process/freezer.ts";
import type { Freezer } from "../../process/freezer.ts";
import { judgePlace } from "../../trust/judge-place.ts";
import { ourUid } from "../../trust/ownership.ts";
import { listOf, optional, text } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { listBlockMounts } from "./mounts.ts";
import { runTool } from "./tool.ts";

/** Options of a freeze. */
export type FreezeOptions = {
  /** Its lock shows that file systems are frozen. It has to be in memory, such as in `/run`. */
  lockFile: string;
  /** The time after which they are thawed if no client asks for it. */
  limitMs: number;
  /** The program that is called with `freeze` before and `thaw` after; empty for none. */
  hook: string;
};

/** The commands, and the state that other commands depend on. */
export type FreezeCommands = {
  commands: readonly AgentCommand[];
  isFrozen: () => boolean;
  /** Thaws what is frozen, before the agent ends. */
  end: () => Promise<void>;
};

const log = logFor("freeze");
const HOOK_MS = 10 * 60_000;

/** Resolves with whether there is a hook that can be executed. Rejects if others could have written it. */
async function isUsableHook(hook: string): Promise<boolean> {
  const { fault, fileFault, mode } = await judgePlace(resolve(hook), { uid: ourUid(), groups: "own" });
  if (mode === undefined) return false;
  const found = fault ?? fileFault;
  if (found !== undefined)
    throw failed(`Cannot run the fsfreeze hook "${hook}": ${found.problem}\n${found.remedy}`);
  return (mode & EXECUTABLE) !== 0;
}

const EXECUTABLE = 0o111;

async function listPaths(): Promise<string[]> {
  return (await listBlockMounts()).map(({ path }) => path);
}

/** How the commands freeze, list the file systems on block devices, and run the hook. */
export type FreezeTools = {
  createFreezer: (options: FreezeOptions) => Freezer;
  listPaths: () => Promise<string[]>;
  runTool: (
    words: readonly string[],
    timeoutMs: number,
  ) => Promise<{ exitCode: number | null; stderr: string }>;
};

const SYSTEM: FreezeTools = { createFreezer, listPaths, runTool };

/** Creates the commands. */
export function createFreezeCommands(options: FreezeOptions, tools = SYSTEM): FreezeCommands {
  const { hook } = options;
  const callHook = async (word: "freeze" | "thaw"): Promise<void> => {
    if (hook === "" || !(await isUsableHook(hook))) return;
    const { exitCode, stderr } = await tools.runTool([hook, word], HOOK_MS);
    if (exitCode !== 0) throw failed(`fsfreeze hook has failed with status ${exitCode}: ${stderr.trim()}`);
  };
  /** The file systems are thawed, whatever the hook does. */
  const callThawHook = async (): Promise<void> => {
    await callHook("thaw").catch((thrown: unknown) => log.error(NegotiatorError.from(thrown).message));
  };
  const freezer = tools.createFreezer(options);

  const freeze = async (wanted: readonly string[] | undefined): Promise<number> => {
    try {
      await callHook("freeze");
      const paths = await tools.listPaths();
      const count = await freezer.freeze(paths.filter((path) => wanted?.includes(path) !== false));
      if (count === 0) await callThawHook();
      return count;
    } catch (thrown) {
      await callThawHook();
      throw thrown;
    }
  };
  const thaw = async (): Promise<number> => {
    const count = await freezer.thaw(tools.listPaths);
    await callThawHook();
    return count;
  };

  return {
    isFrozen: () => freezer.isFrozen(),
    async end() {
      if (freezer.isFrozen()) await thaw();
    },
    commands: [
      defineAgentCommand({
        name: "guest-fsfreeze-status",
        access: "usual",
        worksFrozen: true,
        run: () => (freezer.isFrozen() ? "frozen" : "thawed"),
      }),
      defineAgentCommand({
        name: "guest-fsfreeze-freeze",
        access: "usual",
        async run(_, { begin }) {
          await begin();
          return freeze(undefined);
        },
      }),
      defineAgentCommand({
        name: "guest-fsfreeze-freeze-list",
        access: "usual",
        args: { mountpoints: optional(listOf(text)) },
        async run({ mountpoints }, { begin }) {
          await begin();
          return freeze(mountpoints);
        },
      }),
      defineAgentCommand({ name: "guest-fsfreeze-thaw", access: "usual", worksFrozen: true, run: thaw }),
    ],
  };
}
