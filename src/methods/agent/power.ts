/** `guest-shutdown` and the three ways to suspend. They are answered by what they do. */
import { writeFile } from "node:fs/promises";
import { findProgram } from "../../process/program-path.ts";
import { invalid, optional, text } from "./agent-arguments.ts";
import { defineAgentCommand, failed, unsupported } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";
import { runTool } from "./tool.ts";

const SHUTDOWN_MODES: Readonly<Record<string, string>> = { halt: "-H", powerdown: "-P", reboot: "-r" };

/** Shuts the machine down. */
export const SHUTDOWN = defineAgentCommand({
  name: "guest-shutdown",
  access: "usual",
  isSilent: true,
  args: { mode: optional(text) },
  async run({ mode = "powerdown" }, { begin }) {
    const way = Object.hasOwn(SHUTDOWN_MODES, mode) ? SHUTDOWN_MODES[mode] : undefined;
    // The QEMU guest agent has no parenthesis at the end.
    if (way === undefined) throw invalid("mode is invalid (valid values are: halt|powerdown|reboot");
    await begin();
    const shutdown = await findProgram("shutdown");
    const other = mode === "powerdown" ? "poweroff" : mode;
    const words =
      shutdown === undefined ? [other] : [shutdown, "-h", way, "+0", "hypervisor initiated shutdown"];
    const { exitCode, stderr } = await runTool(words);
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
export const SUSPEND: readonly AgentCommand[] = Object.entries(SUSPENSIONS).map(([kind, suspension]) =>
  defineAgentCommand({
    name: `guest-suspend-${kind}`,
    access: "ruled",
    isSilent: true,
    run: () => suspend(suspension),
  }),
);

async function suspend({ programs, state }: Suspension): Promise<void> {
  let problem: string | undefined;
  for (const words of programs) {
    if ((await findProgram(words[0] ?? "")) === undefined) continue;
    const { exitCode, stderr } = await runTool(words);
    if (exitCode === 0) return;
    problem = stderr.trim() || `${words.join(" ")} ended with ${exitCode}`;
  }
  if (state === undefined) throw problem === undefined ? unsupported() : failed(problem);
  try {
    await writeFile("/sys/power/state", state);
  } catch (thrown) {
    throw failed(`failed to suspend: ${problem ?? errnoText(thrown)}`);
  }
}
