/** Owns moving a guest from one QEMU to the next through a file, as `virsh save` and `restore` do. */
import { existsSync } from "node:fs";
import type { Machine } from "./machine.ts";
import { STEP_PATIENCE_MS } from "./patience.ts";
import { until } from "./until.ts";

/** Writes the guest's state to `path`; afterwards the guest stands still in `machine`, which can be ended. */
export async function saveState(machine: Machine, path: string): Promise<void> {
  // QEMU has completed when the last bytes are in the pipe; the file is there when they are in the file.
  await migrate(machine, "migrate", `exec:cat >${path}.part && mv ${path}.part ${path}`);
  await until("the guest's state is written", () => existsSync(path), STEP_PATIENCE_MS);
}

/** Fills a machine that was started as `incoming`; the guest goes on if it was running when it was saved. */
export async function loadState(machine: Machine, path: string): Promise<void> {
  await migrate(machine, "migrate-incoming", `exec:cat ${path}`);
}

async function migrate({ qmp }: Machine, command: string, uri: string): Promise<void> {
  await qmp.command("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
  // The default holds back for the sake of a network.
  await qmp.command("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
  const ended = qmp.event("MIGRATION", ({ status }) => status === "completed" || status === "failed");
  await qmp.command(command, { uri });
  const { status } = await ended;
  if (status !== "completed") {
    throw new Error(`Cannot ${command} "${uri}": QEMU reports status "${String(status)}"`);
  }
}
