/** Ending commands: deadlines, cancels, groups, and pipes that other processes keep open. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { createCapturingSink, endLater, listGroup, runScript } from "../support/captured-run.ts";
import type { CapturedRun } from "../support/captured-run.ts";
import { withMoreTime } from "../support/more-time.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const LONG_MS = 60_000;
/** For waits that a fault would sit out. */
const SLOW_MS = 6000;

/** Runs a script until its deadline, which comes after the script printed `ready`. */
function runPastDeadline(script: string, ready: RegExp, graceMs = 5000): Promise<CapturedRun> {
  return withMoreTime(
    (timeoutMs) => runScript(script, { timeoutMs, graceMs }),
    ({ stdout }) => ready.test(stdout),
  );
}

/** Waits for the group, because a killed process ends only when it gets a processor. */
async function expectGroupEnds(groupId: number): Promise<void> {
  expect(groupId).toBeGreaterThan(1);
  await until("the group has no process left", async () => (await listGroup(groupId)).length === 0);
}

test("a deadline ends the command and its whole group with SIGTERM", async () => {
  const { result, stdout } = await runPastDeadline("echo $$; sleep 600 & sleep 600", /^\d+\n/);
  expect(result).toMatchObject({ exitCode: null, signal: "SIGTERM", endedBy: "deadline" });
  expect(result.stdout.truncated).toBe(false);
  expect(await listGroup(Number(stdout))).toEqual([]);
});

test("a cancel ends the command and its whole group, and output from before arrives", async () => {
  const control = new AbortController();
  const stdout = createCapturingSink();
  const running = runScript("echo $$; sleep 600 | sleep 600", { signal: control.signal, stdout });
  await stdout.contains("\n");
  control.abort();
  const { result } = await running;
  expect(result).toMatchObject({ signal: "SIGTERM", endedBy: "cancel" });
  expect(await listGroup(Number(stdout.text()))).toEqual([]);
});

test("a command that ignores SIGTERM gets SIGKILL after the grace time", async () => {
  const script = "trap '' TERM; echo $$; while :; do sleep 0.05; done";
  const { result, stdout } = await runPastDeadline(script, /^\d+\n/, 100);
  expect(result).toMatchObject({ exitCode: null, signal: "SIGKILL", endedBy: "deadline" });
  await expectGroupEnds(Number(stdout));
});

test("a child that ignores SIGTERM gets SIGKILL after its leader has ended by SIGTERM", async () => {
  const script = "(trap '' TERM; echo $$ ready; while :; do sleep 0.05; done) & wait";
  const { result, text } = await withMoreTime(
    async (graceMs) => {
      const control = new AbortController();
      const stdout = createCapturingSink();
      const running = runScript(script, { signal: control.signal, graceMs, stdout });
      await stdout.contains("ready");
      control.abort();
      return { ...(await running), text: stdout.text() };
    },
    // On a busy machine the leader may not end within the grace time, and then SIGKILL ends it too.
    (ended) => ended.result.signal === "SIGTERM",
  );
  expect(result).toMatchObject({ signal: "SIGTERM", endedBy: "cancel" });
  await expectGroupEnds(Number.parseInt(text, 10));
});

test("a child can clean up within the grace time after its leader has ended", async () => {
  const script = "(trap 'sleep 0.1; echo clean; exit' TERM; echo ready; while :; do sleep 0.01; done) & wait";
  const control = new AbortController();
  const stdout = createCapturingSink();
  const running = runScript(script, { signal: control.signal, graceMs: LONG_MS, stdout });
  await stdout.contains("ready");
  control.abort();
  expect((await running).result).toMatchObject({ signal: "SIGTERM", stdout: { truncated: false } });
  expect(stdout.text()).toBe("ready\nclean\n");
});

test("a child whose name holds a bracket and another state counts as running", async () => {
  await using directory = await createTemporaryDirectory();
  const name = "x) Z 1 1";
  // A child for each pause would have another name and count as running.
  const cleanUp = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo clean; exit";
  const child = `trap '${cleanUp}' TERM; echo ready; while :; do :; done`;
  await chmod(await directory.write(name, `#!/bin/sh\n${child}\n`), 0o755);
  const control = new AbortController();
  const stdout = createCapturingSink();
  const options = { cwd: directory.path, signal: control.signal, graceMs: LONG_MS, stdout };
  const running = runScript(`"./${name}" & wait`, options);
  await stdout.contains("ready");
  control.abort();
  await running;
  expect(stdout.text()).toBe("ready\nclean\n");
});

test("a command can clean up within the grace time, and its last output arrives", async () => {
  const script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
  const { result, stdout } = await runPastDeadline(script, /^ready\n/);
  expect(stdout).toBe("ready\nbye\n");
  expect(result).toMatchObject({ exitCode: 7, signal: null, endedBy: "deadline" });
});

test("a cancel before the deadline gives the end by cancel, not by deadline", async () => {
  const script = "trap '' TERM; echo $$; while :; do sleep 0.02; done";
  const { result } = await withMoreTime(
    async (timeoutMs) => {
      const startMs = performance.now();
      const control = new AbortController();
      const stdout = createCapturingSink();
      const running = runScript(script, {
        signal: control.signal,
        timeoutMs,
        graceMs: 2 * timeoutMs,
        stdout,
      });
      await Promise.race([stdout.contains("\n"), running]);
      // The deadline passes within the grace time, so the cancel must come before it.
      const isFirst = performance.now() - startMs < 0.9 * timeoutMs;
      control.abort();
      return { ...(await running), isFirst };
    },
    ({ isFirst }) => isFirst,
  );
  expect(result).toMatchObject({ endedBy: "cancel" });
});

test("a command that ends in time gives its exit code, even with the longest deadline", async () => {
  const { result } = await runScript("sleep 0.05; exit 2", { timeoutMs: Number.MAX_SAFE_INTEGER });
  expect(result).toMatchObject({ exitCode: 2, endedBy: "command" });
});

test("a child in the background goes on after the exit, and its pipe is closed after the drain", async () => {
  const { result, stdout, drainMs } = await withMoreTime(
    async (ms) => ({ ...(await runScript("sleep 600 2>/dev/null & echo $!", { drainMs: ms })), drainMs: ms }),
    // On a busy machine the child may not have closed its standard error before the drain ends.
    ({ result: { stderr } }) => !stderr.truncated,
  );
  using cleanup = new DisposableStack();
  cleanup.use(endLater(Number(stdout)));
  expect(result).toMatchObject({ exitCode: 0, stdout: { truncated: true }, stderr: { truncated: false } });
  expect(result.durationMs).toBeGreaterThan(0.9 * drainMs);
  expect(() => process.kill(Number(stdout), 0)).not.toThrow();
});

test("output of a child in the background arrives until the drain ends", async () => {
  const script = "(sleep 0.1; echo late) & exit 0";
  const { result, stdout } = await runScript(script, { drainMs: LONG_MS });
  expect(stdout).toBe("late\n");
  expect(result.stdout).toEqual({ bytes: 5, truncated: false });
});

test("a slow sink gets all output of a command that has ended", async () => {
  const chunks: number[] = [];
  const { promise: exited, resolve } = Promise.withResolvers<unknown>();
  const stdout = {
    async write(bytes: Uint8Array): Promise<void> {
      await exited;
      await Bun.sleep(60);
      chunks.push(bytes.byteLength);
    },
  };
  const { result } = await runScript("head -c 60000 /dev/zero", { stdout, drainMs: 20, onExit: resolve });
  expect(result.stdout).toEqual({ bytes: 60_000, truncated: false });
  expect(chunks.reduce((sum, bytes) => sum + bytes, 0)).toBe(60_000);
});

test("after a deadline, a slow sink gets all output from before it", async () => {
  const { result, bytes } = await withMoreTime(
    async (timeoutMs) => {
      let bytes = 0;
      const { promise: ended, resolve: onExit } = Promise.withResolvers<unknown>();
      const stdout = {
        async write(piece: Uint8Array): Promise<void> {
          // The rest fits into the pipe, so the command can write all of it.
          if (bytes > 60_000) await ended.then(() => Bun.sleep(50));
          bytes += piece.byteLength;
        },
      };
      const script = "head -c 120000 /dev/zero; echo written >&2; exec sleep 600";
      return { ...(await runScript(script, { stdout, timeoutMs, onExit })), bytes };
    },
    ({ stderr }) => stderr === "written\n",
  );
  expect(result).toMatchObject({ endedBy: "deadline", stdout: { bytes: 120_000, truncated: false } });
  expect(bytes).toBe(120_000);
});

test("a blocked sink does not delay the end of a cancelled command", async () => {
  const control = new AbortController();
  const { promise: stuck } = Promise.withResolvers<void>();
  const stdout = {
    write(): Promise<void> {
      control.abort();
      return stuck;
    },
  };
  const { result } = await runScript("echo x; sleep 600", { stdout, signal: control.signal, drainMs: 50 });
  expect(result).toMatchObject({ endedBy: "cancel", stdout: { bytes: 2, truncated: true } });
});

test("a command that ignores SIGTERM is answered at its deadline, and gets SIGKILL afterwards", async () => {
  const script = "trap '' TERM; echo $$; while :; do sleep 0.05; done";
  const graceMs = 3000;
  const startMs = performance.now();
  const { result, stdout } = await runPastDeadline(script, /^\d+\n/, graceMs);
  expect(result).toMatchObject({ exitCode: null, signal: null, endedBy: "deadline" });
  const group = Number(stdout);
  // A list of processes could come after the grace time.
  expect(() => process.kill(-group, 0)).not.toThrow();
  await result.over;
  expect(performance.now() - startMs).toBeGreaterThan(graceMs);
  await expectGroupEnds(group);
});

test.each([
  ["the command goes on", ""],
  ["the command ignores SIGTERM", "trap '' TERM; "],
])("a child in another session that holds the pipes does not delay the deadline if %s", async (_, first) => {
  // Both say their process id: the parent of a child may have ended.
  const child = `setsid sh -c 'echo $$; exec sleep 600' &`;
  const script = `${first}echo $$; ${child} while :; do sleep 0.05; done`;
  const { result, stdout, timeoutMs } = await withMoreTime(
    async (ms) => {
      const ended = await runScript(script, { timeoutMs: ms, graceMs: SLOW_MS, drainMs: SLOW_MS });
      return { ...ended, timeoutMs: ms };
    },
    ({ stdout: text }) => /^\d+\n\d+\n$/.test(text),
  );
  using cleanup = new DisposableStack();
  // The command as well: it would go on until its grace time is over.
  for (const pid of stdout.trim().split("\n")) cleanup.use(endLater(Number(pid)));
  expect(result.durationMs).toBeLessThan(timeoutMs + SLOW_MS / 2);
  expect(result.stdout.truncated).toBe(true);
});

test("output that is not taken at the deadline gives the end by deadline and the exit code", async () => {
  const { promise: stuck } = Promise.withResolvers<void>();
  const { result } = await withMoreTime(
    (timeoutMs) => runScript("echo x; exit 3", { timeoutMs, stdout: { write: () => stuck } }),
    (ended) => ended.result.exitCode === 3,
  );
  expect(result).toMatchObject({ exitCode: 3, endedBy: "deadline", stdout: { bytes: 2, truncated: true } });
});

test("a command that has ended before its deadline keeps its end while a child holds its pipes", async () => {
  const { result, stdout } = await withMoreTime(
    (timeoutMs) => runScript("sleep 600 & echo $!; exit 3", { timeoutMs, drainMs: LONG_MS }),
    (ended) => ended.result.exitCode === 3,
  );
  using cleanup = new DisposableStack();
  cleanup.use(endLater(Number(stdout)));
  expect(result).toMatchObject({ exitCode: 3, endedBy: "command", stdout: { truncated: true } });
});

test("thirty commands that end in different ways leave no pipe open", async () => {
  const leftBehind = await watchOpenFiles(/^pipe:/);
  const scripts = ["exit 0", "sleep 600", "yes", "exec 1>&-; sleep 600", "cat"];
  for (let round = 0; round < 6; round += 1) {
    await Promise.all(
      scripts.map((script) => {
        const { promise: never } = Promise.withResolvers<void>();
        const stdin = (async function* () {
          yield new Uint8Array(300_000);
          await never;
        })();
        return runScript(script, { timeoutMs: 60, stdin, stdout: { write: async () => undefined } });
      }),
    );
  }
  await until("the pipes are closed", async () => (await leftBehind()).length === 0);
});
