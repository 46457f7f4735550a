/** `guest-shutdown` and the three ways to suspend. They are answered by what they do. */
import { writeFile } from "node:fs/promises";
import { findProgram } from "../../process/program-path.ts";
import { invalid, optional, text } from "./agent-arguments.ts";
import { defineAgentCommand, failed, unsupported } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";
import { runTool } from "./tool.ts";

const SHUTDOWN_MODES: Readonly<Record<string, string>> = { halt: "-H", powerdown: "-P", reboot: "-r" };

/** How the commands find and run programs, and where the kernel takes the word that suspends it. */
export type PowerTools = {
  findProgram: (name: string) => Promise<string | undefined>;
  runTool: (words: readonly string[]) => Promise<{ exitCode: number | null; stderr: string }>;
  stateFile: string;
};

const SYSTEM: PowerTools = { findProgram, runTool, stateFile: "/sys/power/state" };

/** Returns the commands. */
export function createPowerCommands(tools = SYSTEM): AgentCommand[] {
  return [createShutdown(tools), ...createSuspend(tools)];
}

/** Shuts the machine down. */
const createShutdown = (tools: PowerTools): AgentCommand =>
  defineAgentCommand({
    name: "guest-shutdown",
    access: "usual",
    isSilent: true,
    args: { mode: optional(text) },
    async run({ mode = "powerdown" }, { begin }) {
      const way = Object.hasOwn(SHUTDOWN_MODES, mode) ? SHUTDOWN_MODES[mode] : undefined;
      // The QEMU guest agent has no parenthesis at the end.
      if (way === undefined) throw invalid("mode is invalid (valid values are: halt|powerdown|reboot");
      await begin();
      const shutdown = await tools.findProgram("shutdown");
      const other = mode === "powerdown" ? "poweroff" : mode;
      const words =
        shutdown === undefined ? [other] : [shutdown, "-h", way, "+0", "hypervisor initiated shutdown"];
      const { exitCode, stderr } = await tools.runTool(words);
      // A system that goes down may end the tool by a signal.
      if (exitCode !== 0 && exitCode !== null)
        throw failed(`Failed to shut down: ${stderr.trim() || `exit code ${exitCode}`}`);
    },
  });

/** A way to suspend: programs to try, and a word for the kernel. */
type Suspension = { programs: readonly (readonly string[])[]; state?: string };

const SUSPENSIONS: Readonly<Record<string, Suspension>> = {
  disk: { programs: [["systemctl", "hibernate"], ["pm-hibernate"]], state: "disk" },
  ram: { programs: [["systemctl", "suspend"], ["pm-suspend"]], state: "mem" },
  hybrid: { programs: [["systemctl", "hybrid-sleep"], ["pm-suspend-hybrid"]] },
};

/** Suspends to disk, to memory, or to both. */
const createSuspend = (tools: PowerTools): AgentCommand[] =>
  Object.entries(SUSPENSIONS).map(([kind, suspension]) =>
    defineAgentCommand({
      name: `guest-suspend-${kind}`,
      access: "ruled",
      isSilent: true,
      run: () => suspend(tools, suspension),
    }),
  );

async function suspend(tools: PowerTools, { programs, state }: Suspension): Promise<void> {
  let problem: string | undefined;
  for (const words of programs) {
    if ((await tools.findProgram(words[0] ?? "")) === undefined) continue;
    const { exitCode, stderr } = await tools.runTool(words);
    if (exitCode === 0) return;
    problem = stderr.trim() || `${words.join(" ")} ended with ${exitCode}`;
  }
  if (state === undefined) throw problem === undefined ? unsupported() : failed(problem);
  try {
    await writeFile(tools.stateFile, state);
  } catch (thrown) {
    throw failed(`failed to suspend: ${problem ?? errnoText(thrown)}`);
  }
}
