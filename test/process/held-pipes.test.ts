/** Pipes whose lock the user of a command holds: the daemon's thread does not wait for it. */
import { expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { run } from "../../src/process/run.ts";
import type { RunOptions, RunResult } from "../../src/process/run.ts";
import type { StartWay } from "../../src/process/start-way.ts";
import { createCapturingSink, endLater, runScript } from "../support/captured-run.ts";
import { withMoreTime } from "../support/more-time.ts";
import { startPipeHolder } from "../support/pipe-lock.ts";
import { until } from "../support/until.ts";

const IS_ROOT = process.getuid?.() === 0;
/** No other process of this machine has this id. */
const USER = { uid: 64_778, gid: 64_778, groups: [] };
const OTHER = { uid: 64_776, gid: 64_776, groups: [] };
const HELD_S = 120;
/** Far less than the lock is held, and more than a busy machine takes. */
const LONGEST_MS = 40_000;
/** More than a pipe and a socket hold together. */
const MUCH = 2_000_000;

async function measure(work: () => Promise<unknown>): Promise<{ turnMs: number; ms: number }> {
  const startMs = performance.now();
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  await work();
  delays.disable();
  return { turnMs: delays.max / 1e6, ms: performance.now() - startMs };
}

type Pipe = { fd: number; as: "writer" | "reader" };

/**
 * Runs a command until its deadline, before which the lock of one of its pipes is held, and `work` meanwhile.
 * Resolves with undefined if the deadline came before the lock was held.
 */
async function whileHeld<Outcome>(
  { fd, as }: Pipe,
  {
    isReady,
    ...options
  }: Pick<RunOptions, "argv" | "stdin" | "stdout" | "stderr" | "timeoutMs"> & {
    isReady: (pid: number) => boolean;
  },
  work: (running: Promise<RunResult>) => Promise<Outcome>,
): Promise<Outcome | undefined> {
  await using holder = await startPipeHolder(as, { seconds: HELD_S });
  let pid: number | undefined;
  let isOver = false;
  const running = run({
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    user: USER,
    graceMs: 100,
    drainMs: 100,
    onStart: (command) => void (pid = command.pid),
    ...options,
  });
  void running.then(() => (isOver = true));
  await until("it is ready", () => isOver || (pid !== undefined && isReady(pid)));
  if (isOver) return undefined;
  const isHeld = await holder.hold(`/proc/${pid}/fd/${fd}`);
  return !isHeld || isOver ? undefined : await work(running);
}

test.if(IS_ROOT).each<Pipe>([
  { fd: 1, as: "writer" },
  { fd: 2, as: "writer" },
  { fd: 0, as: "reader" },
])("a user who holds the lock of descriptor $fd holds up only that call", async (pipe) => {
  const ended = await withMoreTime(
    async (timeoutMs) => {
      const stdout = createCapturingSink();
      const command = {
        argv: ["/bin/sh", "-c", "echo x >&2; echo $$; sleep 600"],
        stdin: new Blob(["x".repeat(MUCH)]).stream(),
        stdout,
        stderr: createCapturingSink(),
        timeoutMs,
        isReady: () => stdout.text() !== "",
      } as const;
      let result: RunResult | undefined;
      const times = await measure(async () => {
        result = await whileHeld(pipe, command, async (running) => {
          const other = await runScript("echo fine", { user: USER });
          expect(other.stdout).toBe("fine\n");
          return await running;
        });
      });
      return { ...times, result };
    },
    ({ result }) => result !== undefined,
  );
  expect(ended.result).toMatchObject({ endedBy: "deadline" });
  expect(ended.turnMs).toBeLessThan(LONGEST_MS);
  expect(ended.ms).toBeLessThan(LONGEST_MS);
});

test
  .if(IS_ROOT)
  .each<StartWay>([
    { kind: "chroot", path: "/usr/sbin/chroot" },
    { kind: "setpriv", path: "/usr/bin/setpriv" },
    { kind: "own" },
  ])("by $kind, a command with a user has pipes that it can open again", async (way) => {
  const { result, stdout, stderr } = await runScript(
    "test -p /dev/stdin && test -p /dev/stdout && cat </dev/stdin >/dev/stdout; echo end >/dev/stderr",
    { user: USER, stdin: new Blob(["x".repeat(MUCH)]).stream(), chooseWay: () => way },
  );
  expect({ bytes: stdout.length, stderr, code: result.exitCode }).toEqual({
    bytes: MUCH,
    stderr: "end\n",
    code: 0,
  });
  expect(result.inputBytes).toBe(MUCH);
});

test.if(IS_ROOT)("a command with a user whose output is not taken any longer gets SIGPIPE", async () => {
  const stdout = { write: () => Promise.reject(new Error("gone")) };
  const { result } = await runScript("exec yes", { user: USER, stdout, timeoutMs: 60_000 });
  expect(result).toMatchObject({ signal: "SIGPIPE", endedBy: "command" });
});

/** The processes with this parent that carry bytes. */
function carriersOf(parent: number): string[] {
  const { stdout } = Bun.spawnSync(["ps", "-o", "pid=,comm=,stat=", "--ppid", String(parent)]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => / cat +[^Z]/.test(line));
}

test.if(IS_ROOT)(
  "no carrier outlives a call whose command leaves a process with its pipes behind",
  async () => {
    const before = carriersOf(process.pid);
    const { result, stdout } = await withMoreTime(
      (drainMs) => runScript("setsid sleep 600 & echo $!", { user: USER, drainMs }),
      (ended) => ended.stdout !== "",
    );
    using _ = endLater(Number(stdout));
    expect(result).toMatchObject({ exitCode: 0, endedBy: "command" });
    await until("the carriers have ended", () => carriersOf(process.pid).length <= before.length);
  },
);

test.if(IS_ROOT)("a held pipe that is being closed does not hold up another user's command", async () => {
  const other = await withMoreTime(
    (timeoutMs) =>
      whileHeld(
        { fd: 1, as: "writer" },
        {
          argv: ["/bin/sleep", "600"],
          stdin: null,
          stdout: createCapturingSink(),
          stderr: null,
          timeoutMs,
          isReady: (pid) => readlinkSync(`/proc/${pid}/exe`).endsWith("/sleep"),
        },
        async (running) => {
          await running;
          return await runScript("echo fine", { user: OTHER });
        },
      ),
    (outcome) => outcome !== undefined,
  );
  expect([other?.stdout, other?.result.stdout.truncated]).toEqual(["fine\n", false]);
});
