/** Signals that are forwarded to a running command. */
import { expect, spyOn, test } from "bun:test";
import { FORWARDED_SIGNALS } from "../../src/process/run.ts";
import type { RunningCommand, RunOptions } from "../../src/process/run.ts";
import { createCapturingSink, endLater, runScript } from "../support/captured-run.ts";
import type { CapturedRun } from "../support/captured-run.ts";
import { waitTurns } from "../support/event-loop.ts";

type Started = {
  running: RunningCommand;
  stdout: ReturnType<typeof createCapturingSink>;
  ended: Promise<CapturedRun>;
};

/** Runs a script and waits until it has printed a line. */
async function startScript(script: string, options: Partial<RunOptions> = {}): Promise<Started> {
  const stdout = createCapturingSink();
  const { promise: started, resolve: onStart } = Promise.withResolvers<RunningCommand>();
  const ended = runScript(script, { ...options, stdout, onStart });
  const running = await started;
  await stdout.contains("\n");
  return { running, stdout, ended };
}

test("the forwarded signals are INT, TERM, HUP, QUIT, USR1 and USR2", () => {
  expect([...FORWARDED_SIGNALS].sort()).toEqual([
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGTERM",
    "SIGUSR1",
    "SIGUSR2",
  ]);
});

test.each([...FORWARDED_SIGNALS])(
  "a command that ends by a forwarded %s has ended by itself",
  async (name) => {
    const { running, ended } = await startScript("ulimit -c 0; echo ready; exec sleep 600");
    running.signal(name);
    expect((await ended).result).toMatchObject({
      exitCode: null,
      signal: name,
      endedBy: "command",
    });
  },
);

test("a forwarded signal reaches the command's children, and the command can go on", async () => {
  const child = "(trap 'echo child; exit' USR1; echo ready; while :; do sleep 0.01; done) &";
  const script = `trap 'echo parent' USR1; ${child} wait; wait; echo end`;
  const { running, stdout, ended } = await startScript(script);
  running.signal("SIGUSR1");
  const { result } = await ended;
  expect(stdout.text().split("\n").sort()).toEqual(["", "child", "end", "parent", "ready"]);
  expect(result).toMatchObject({ exitCode: 0, signal: null, endedBy: "command" });
});

test("a signal after the exit does not reach a child that goes on in the background", async () => {
  const { promise: exited, resolve } = Promise.withResolvers<unknown>();
  const control = new AbortController();
  const { running, stdout, ended } = await startScript("sleep 600 & echo $!", {
    onExit: resolve,
    signal: control.signal,
  });
  await exited;
  const child = Number(stdout.text());
  using cleanup = new DisposableStack();
  cleanup.use(endLater(child));
  const kill = spyOn(process, "kill");
  running.signal("SIGTERM");
  expect(kill).not.toHaveBeenCalled();
  kill.mockRestore();
  control.abort();
  await ended;
});

test("the runtime calls onExit in the turn in which it reaps a process", async () => {
  for (let round = 0; round < 20; round++) {
    const facts = { isReaped: false };
    const { pid } = Bun.spawn(["/bin/true"], {
      onExit: () => {
        facts.isReaped = true;
      },
    });
    while (!facts.isReaped) {
      expect(() => process.kill(pid, 0)).not.toThrow();
      await waitTurns(1);
    }
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  }
});

test.each(["deadline", "cancel"] as const)("the end by a %s is named in endedBy", async (endedBy) => {
  const options = endedBy === "deadline" ? { timeoutMs: 100 } : { signal: AbortSignal.timeout(100) };
  const { result } = await runScript("exec sleep 600", options);
  expect(result).toMatchObject({
    endedBy,
    signal: "SIGTERM",
  });
});
