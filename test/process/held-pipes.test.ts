/** Pipes whose lock the user of a command holds: the daemon's thread does not wait for it. */
import { expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { run } from "../../src/process/run.ts";
import type { StartWay } from "../../src/process/start-way.ts";
import { createCapturingSink, runScript } from "../support/captured-run.ts";
import { until } from "../support/until.ts";
import { holdPipe } from "../support/pipe-lock.ts";

const IS_ROOT = process.getuid?.() === 0;
/** No other process of this machine has this id. */
const USER = { uid: 64_778, gid: 64_778, groups: [] };
const OTHER = { uid: 64_776, gid: 64_776, groups: [] };
const HELD_S = 20;
/** Far less than the lock is held. */
const LONGEST_TURN_MS = 2000;
const LONGEST_MS = 12_000;
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

test.if(IS_ROOT).each([
  { fd: 1, as: "writer" },
  { fd: 2, as: "writer" },
  { fd: 0, as: "reader" },
] as const)("a user who holds the lock of descriptor $fd holds up only that call", async ({ fd, as }) => {
  const stdout = createCapturingSink();
  const { turnMs, ms } = await measure(async () => {
    const running = run({
      argv: ["/bin/sh", "-c", "echo x >&2; echo $$; sleep 600"],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      user: USER,
      stdin: new Blob(["x".repeat(MUCH)]).stream(),
      stdout,
      stderr: createCapturingSink(),
      timeoutMs: 3000,
      graceMs: 100,
      drainMs: 100,
    });
    await stdout.contains("\n");
    await using _ = await holdPipe(`/proc/${stdout.text().trim()}/fd/${fd}`, as, { seconds: HELD_S });
    const other = await runScript("echo fine", { user: USER });
    expect(other.stdout).toBe("fine\n");
    expect(await running).toMatchObject({ endedBy: "deadline" });
  });
  expect(turnMs).toBeLessThan(LONGEST_TURN_MS);
  expect(ms).toBeLessThan(LONGEST_MS);
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
    const { result, stdout } = await runScript("setsid sleep 600 & echo $!", { user: USER, drainMs: 100 });
    using _ = { [Symbol.dispose]: () => void process.kill(Number(stdout), "SIGKILL") };
    expect(result).toMatchObject({ exitCode: 0, endedBy: "command" });
    await until("the carriers have ended", () => carriersOf(process.pid).length <= before.length);
  },
);

test.if(IS_ROOT)("a held pipe that is being closed does not hold up another user's command", async () => {
  let pid = 0;
  const running = run({
    argv: ["/bin/sleep", "600"],
    env: {},
    cwd: "/",
    user: USER,
    stdin: null,
    stdout: createCapturingSink(),
    stderr: null,
    timeoutMs: 3000,
    graceMs: 100,
    drainMs: 100,
    onStart: (command) => void (pid = command.pid),
  });
  await until("it runs", () => pid !== 0 && readlinkSync(`/proc/${pid}/exe`).endsWith("/sleep"));
  await using _ = await holdPipe(`/proc/${pid}/fd/1`, "writer", { seconds: HELD_S });
  await running;
  const other = await runScript("echo fine", { user: OTHER });
  expect([other.stdout, other.result.stdout.truncated]).toEqual(["fine\n", false]);
});
