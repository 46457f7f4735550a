/** A host's daemon beside the real QEMU guest agent at a unix socket, which is its guest `db1`. */
import { chmod } from "node:fs/promises";
import { launchDaemon, PROGRAM } from "./program.ts";
import { runProcess } from "./program-run.ts";
import type { ProgramRun } from "./program-run.ts";
import { startQemuAgent } from "./qemu-agent.ts";
import type { RunningAgent } from "./qemu-agent.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";

/** The host. `run` runs `negotiator host …` to its end, `json` returns the status of the guest. */
export type AgentHost = AsyncDisposable & {
  agent: RunningAgent;
  run: (...words: string[]) => Promise<ProgramRun>;
  json: () => Promise<{ version: string | null }>;
};

/** Starts the daemon and the agent. `agentWords` are options of the agent. Disposal ends both. */
export async function createAgentHost({
  hasCommands = true,
  agentWords = [],
}: {
  hasCommands?: boolean;
  agentWords?: readonly string[];
} = {}): Promise<AgentHost> {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  if (hasCommands) await chmod(await directory.write("commands/hello", "#!/bin/sh\n"), 0o755);
  const agent = owned.use(await startQemuAgent(agentWords));
  const config = await directory.write(
    "negotiator.toml",
    `[host]
libvirt = "no"
qemu = "no"
control = "${directory.at("host.sock")}"
guestCommandsDirectory = "${directory.at("commands")}"
[audit]
file = "${directory.at("audit.jsonl")}"
[[guests]]
name = "db1"
socket = "${agent.socket}"
port = "org.qemu.guest_agent.0"
`,
  );
  const daemon = owned.use(
    launchDaemon(["host", "daemon", "--config", config], {
      NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
    }),
  );
  await daemon.says("Serving local users");
  const run = (...words: string[]): Promise<ProgramRun> =>
    runProcess([...PROGRAM, "host", ...words, "--config", config]);
  const held = owned.move();
  return {
    agent,
    run,
    json: async () => JSON.parse((await run("status", "--json", "db1")).stdout),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
