/** The real QEMU guest agent for tests: here at a unix socket, and as files of a guest. */
import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import type { GuestFile } from "./guest-image.ts";
import { hasTool } from "./requirements.ts";
import type { Tool } from "./requirements.ts";
import { runProcess } from "./program-run.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { existsSync } from "node:fs";

/** The program and its package. */
const QEMU_AGENT: Tool = { program: "qemu-ga", package: "qemu-guest-agent" };

/** An agent that runs here. Disposing ends it. */
export type RunningAgent = AsyncDisposable & { socket: string; directory: string };

/** Starts the agent as it runs in a guest, at a unix socket. `words` are more options of it. */
export async function startQemuAgent(words: readonly string[] = []): Promise<RunningAgent> {
  if (!(await hasTool(QEMU_AGENT))) throw new Error("This machine has no qemu-ga");
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const socket = directory.at("agent.sock");
  const options = ["--method=unix-listen", `--path=${socket}`, `--statedir=${directory.at()}`];
  // Its files must not stay on this machine.
  const script = 'mount -t tmpfs none /var/lib && exec qemu-ga "$@"';
  const argv = ["unshare", "--mount", "sh", "-c", script, "sh", ...options, ...words];
  const child = Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] });
  owned.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  await until("the agent listens", () => existsSync(socket), STEP_TIMEOUT_MS);
  const life = owned.move();
  return { socket, directory: directory.at(), [Symbol.asyncDispose]: () => life.disposeAsync() };
}

/** The agent and its libraries as files of a guest, which starts it with `/usr/sbin/qemu-ga`. */
export async function qemuAgentFiles(): Promise<Record<string, GuestFile>> {
  if (!(await hasTool(QEMU_AGENT))) throw new Error("This machine has no qemu-ga");
  const { stdout } = await runProcess(["ldd", "/usr/sbin/qemu-ga"]);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].map(([, path = ""]) => path);
  const files = await Promise.all(
    libraries.map(
      async (path) => [`/lib/${basename(path)}`, { source: await realpath(path), mode: 0o755 }] as const,
    ),
  );
  return { "/usr/sbin/qemu-ga": { source: "/usr/sbin/qemu-ga", mode: 0o755 }, ...Object.fromEntries(files) };
}
