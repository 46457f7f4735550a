/** Starts that a user or a file system holds up: only their own calls wait. */
import { expect, test } from "bun:test";
import { chmod, symlink } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createCapturingSink, runScript } from "../support/captured-run.ts";
import { mountHanging, whyNoHangingMount } from "../support/hanging-mount.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { RunOptions, RunResult } from "../../src/process/run.ts";
import { run } from "../../src/process/run.ts";

const canMount = whyNoHangingMount() === undefined;
const IS_ROOT = process.getuid?.() === 0;
/** No other process of this machine has this id. */
const VICTIM = { uid: 64_777, gid: 64_777, groups: [] };
/** More than a busy machine takes for a turn. A thread that is held up would stand still for ever. */
const LONGEST_TURN_MS = 20_000;

async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  await work();
  delays.disable();
  return delays.max / 1e6;
}

function runFile(path: string, options: Partial<RunOptions> = {}): Promise<RunResult> {
  const sink = createCapturingSink();
  return run({ argv: [path], env: {}, cwd: "/", stdin: null, stdout: sink, stderr: sink, ...options });
}

test.if(IS_ROOT)("a user who stops all its processes holds up only its own calls", async () => {
  const control = new AbortController();
  const attacking = runScript("while :; do kill -STOP -1; done", {
    user: VICTIM,
    signal: control.signal,
    graceMs: 1,
  });
  await using _ = {
    async [Symbol.asyncDispose]() {
      control.abort();
      await attacking;
    },
  };
  const limits = { timeoutMs: 1000, graceMs: 100 };
  const turn = await longestTurnMs(async () => {
    const victims = Array.from({ length: 40 }, () => runScript("exit 0", { user: VICTIM, ...limits }));
    const others = Array.from({ length: 10 }, () => runScript("exit 0"));
    for (const { result } of await Promise.all(others)) expect(result.exitCode).toBe(0);
    for (const { result } of await Promise.all(victims)) {
      await result.over;
      if (result.endedBy === "command") expect(result.exitCode).toBe(0);
      else expect(result.endedBy).toBe("deadline");
    }
  });
  expect(turn).toBeLessThan(LONGEST_TURN_MS);
});

test.if(canMount).each(["a command", "its interpreter", "a link to it", "its directory"])(
  "%s on a file system that does not answer: only that call waits, until its deadline",
  async (which) => {
    await using directory = await createTemporaryDirectory();
    using mount = mountHanging(directory.at("mount"));
    await directory.write("script", `#!${mount.path}/interpreter\n`);
    await chmod(directory.at("script"), 0o755);
    await symlink(`${mount.path}/command`, directory.at("link"));
    const starts: Record<string, () => Promise<RunResult>> = {
      "a command": () => runFile(`${mount.path}/command`, { timeoutMs: 800 }),
      "its interpreter": () => runFile(directory.at("script"), { timeoutMs: 800 }),
      "a link to it": () => runFile(directory.at("link"), { timeoutMs: 800 }),
      "its directory": () => runFile("/bin/true", { cwd: mount.path, timeoutMs: 800 }),
    };
    const turn = await longestTurnMs(async () => {
      const hanging = starts[which]?.();
      const { result } = await runScript("exit 3");
      expect(result.exitCode).toBe(3);
      const ended = await hanging;
      expect(ended).toMatchObject({ endedBy: "deadline" });
      await ended?.over;
    });
    expect(turn).toBeLessThan(LONGEST_TURN_MS);
  },
);

test.if(canMount)("a cancel ends a start that hangs at a file system", async () => {
  await using directory = await createTemporaryDirectory();
  using mount = mountHanging(directory.at("mount"));
  await symlink(`${mount.path}/command`, directory.at("link"));
  const turn = await longestTurnMs(async () => {
    const control = new AbortController();
    const running = runFile(directory.at("link"), { signal: control.signal, graceMs: 10 });
    await runScript("exit 0");
    control.abort();
    expect(await running).toMatchObject({ endedBy: "cancel" });
  });
  expect(turn).toBeLessThan(LONGEST_TURN_MS);
});
