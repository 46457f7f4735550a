/** Moves a guest from one QEMU to another through a file, like `virsh save` and `restore`. */
import { existsSync } from "node:fs";
import type { Machine } from "./machine.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { until } from "./until.ts";

/** Writes the guest's state to `path`. Then the guest is stopped, and `machine` can be ended. */
export async function saveState(machine: Machine, path: string): Promise<void> {
  // QEMU completes when the last bytes are in the pipe. They are in the file only when it has its final name.
  await migrate(machine, "migrate", `exec:cat >${path}.part && mv ${path}.part ${path}`);
  await until("the guest's state is written", () => existsSync(path), STEP_TIMEOUT_MS);
}

/**
 * Loads the state into a machine that was started as `incoming`. The guest runs if it ran when it was saved.
 */
export async function loadState(machine: Machine, path: string): Promise<void> {
  await migrate(machine, "migrate-incoming", `exec:cat ${path}`);
}

/**
 * Moves the running guest to a machine that was started as `incoming`, through the socket `path`. Then the
 * first machine is stopped, and can be ended.
 */
export async function migrateLive(from: Machine, to: Machine, path: string): Promise<void> {
  const arrived = awaitEnd(to);
  await to.qmp.command("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
  await to.qmp.command("migrate-incoming", { uri: `unix:${path}` });
  await migrate(from, "migrate", `unix:${path}`);
  await arrived;
}

async function migrate({ qmp }: Machine, command: string, uri: string): Promise<void> {
  await qmp.command("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
  // The default bandwidth limit is meant for networks.
  await qmp.command("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
  const ended = awaitEnd({ qmp });
  await qmp.command(command, { uri });
  const { status } = await ended;
  if (status !== "completed") {
    throw new Error(`Cannot ${command} "${uri}": QEMU reports status "${String(status)}"`);
  }
}

function awaitEnd({ qmp }: Pick<Machine, "qmp">): Promise<Record<string, unknown>> {
  return qmp.event("MIGRATION", ({ status }) => status === "completed" || status === "failed");
}
