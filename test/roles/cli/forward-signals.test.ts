/** Our signals to a remote command, and the end of a caller that got one. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";
import type { RemoteCommand } from "../../../src/peers/remote-command.ts";
import { waitForCommand } from "../../../src/roles/cli/remote-command.ts";
import type { MessageListener } from "../../../src/wire/calls/mailbox.ts";
import type { StreamReader } from "../../../src/wire/calls/stream-reader.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

const ENDED: ExecuteResult = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };

/** A stream that has ended, or one that is held open. */
function createReader(isHeld: boolean): StreamReader {
  return {
    bytes: 0,
    isTruncated: false,
    missedBytes: 0,
    cancel: () => undefined,
    [Symbol.asyncIterator]: () => ({
      next: () =>
        isHeld ? Promise.withResolvers<never>().promise : Promise.resolve({ done: true, value: undefined }),
    }),
  };
}

/** A command whose end and messages the test decides about. `done` has what the caller did to it. */
function createRemote(changes: Partial<RemoteCommand> = {}, isHeld = false) {
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<ExecuteResult>();
  ended.catch(() => undefined);
  const done: string[] = [];
  let listener: MessageListener | undefined;
  const remote: RemoteCommand = {
    takesMessages: true,
    isSent: true,
    stdin: undefined,
    stdout: createReader(isHeld),
    stderr: createReader(isHeld),
    ended,
    send: (name, value) => void done.push(`${name} ${JSON.stringify(value)}`),
    listen: (next) => void (listener = next),
    cancel: (reason) => void done.push(`cancel: ${reason}`),
    ...changes,
  };
  const say = (name: string, value: unknown): void => listener?.(name, value);
  return { remote, done, end, fail, say };
}

/** Calls our handlers without a real signal. */
function signal(name: NodeJS.Signals): void {
  process.emit(name, name);
}

const SENT_INT = 'signal {"signal":"SIGINT"}';

test("a command that ends by the forwarded signal ends its caller by the same signal", async () => {
  const { remote, done, end } = createRemote();
  const waiting = waitForCommand(remote, 0);
  signal("SIGINT");
  expect(done).toEqual([SENT_INT]);
  end({ ...ENDED, exitCode: null, signal: "SIGINT" });
  expect(await waiting).toEqual({ exitCode: 130, signal: "SIGINT" });
});

test.each<[string, Partial<ExecuteResult>, number]>([
  ["had ended with 0 before it came", {}, 0],
  ["handles it and exits with 7", { exitCode: 7 }, 7],
  ["ends by another signal", { exitCode: null, signal: "SIGKILL" }, 137],
])("after SIGINT a command that %s gives its exit code, and no signal", async (_, result, exitCode) => {
  const { remote, end } = createRemote();
  const waiting = waitForCommand(remote, 0);
  signal("SIGINT");
  end({ ...ENDED, ...result });
  expect(await waiting).toEqual({ exitCode });
});

test("a call that ends as CANCELLED after SIGTERM ends its caller by SIGTERM, with the error", async () => {
  const { remote, fail } = createRemote();
  const waiting = waitForCommand(remote, 0);
  signal("SIGTERM");
  const error = new NegotiatorError("CANCELLED", "cancelled");
  fail(error);
  expect(await waiting).toEqual({ exitCode: 143, signal: "SIGTERM", error });
});

test("a call that is CANCELLED without a signal rejects, and so does a lost one after SIGTERM", async () => {
  const quiet = createRemote();
  const waiting = rejectionOf(waitForCommand(quiet.remote, 0));
  quiet.fail(new NegotiatorError("CANCELLED", "cancelled"));
  expect((await waiting).code).toBe("CANCELLED");
  const lost = createRemote();
  const losing = rejectionOf(waitForCommand(lost.remote, 0));
  signal("SIGTERM");
  lost.fail(new NegotiatorError("UNKNOWN_OUTCOME", "lost"));
  expect((await losing).code).toBe("UNKNOWN_OUTCOME");
});

test("a second SIGTERM cancels the command, and the caller ends by it at once", async () => {
  const { remote, done } = createRemote();
  const waiting = waitForCommand(remote, 0);
  signal("SIGINT");
  signal("SIGTERM");
  expect(await waiting).toEqual({ exitCode: 143, signal: "SIGTERM" });
  expect(done).toEqual([SENT_INT, "cancel: interrupted by SIGTERM"]);
});

test("SIGHUP after SIGINT, SIGUSR1 and SIGUSR2 are only forwarded", async () => {
  const { remote, done, end } = createRemote();
  const waiting = waitForCommand(remote, 0);
  for (const name of ["SIGUSR1", "SIGUSR2", "SIGINT", "SIGHUP"] as const) signal(name);
  expect(done).toEqual(
    ["SIGUSR1", "SIGUSR2", "SIGINT", "SIGHUP"].map((name) => `signal {"signal":"${name}"}`),
  );
  end(ENDED);
  expect(await waiting).toEqual({ exitCode: 0 });
});

test.each<[string, Partial<RemoteCommand>]>([
  ["that takes no messages", { takesMessages: false }],
  ["that was not sent", { isSent: false }],
])("SIGINT cancels a command %s", async (_, changes) => {
  const { remote, done, end } = createRemote(changes);
  const waiting = waitForCommand(remote, 0);
  signal("SIGINT");
  expect(done).toEqual(["cancel: interrupted by SIGINT"]);
  end({ ...ENDED, exitCode: null, signal: "SIGTERM", endedBy: "cancel" });
  expect((await waiting).exitCode).toBe(143);
});

/** Waits under fake timers. Returns the milliseconds after which the caller has ended, at most 20 s. */
async function msUntilEnd(after: (say: (name: string, value: unknown) => void) => void, isHeld = false) {
  using _ = useFakeTimers();
  const { remote, say } = createRemote({}, isHeld);
  let outcome: unknown;
  void waitForCommand(remote, 0).then((ended) => (outcome = ended));
  after(say);
  for (let ms = 0; ms <= 20_000; ms += 100) {
    await waitTurns(3);
    if (outcome !== undefined) return { ms, outcome };
    jest.advanceTimersByTime(100);
  }
  return { ms: undefined, outcome };
}

test("a command that does not confirm SIGINT ends its caller after a second", async () => {
  expect(await msUntilEnd(() => signal("SIGINT"))).toEqual({
    ms: 1000,
    outcome: { exitCode: 130, signal: "SIGINT" },
  });
});

test("a command that confirms SIGINT and goes on ends its caller after five seconds", async () => {
  const ended = await msUntilEnd((say) => {
    signal("SIGINT");
    say("signalled", { signal: "SIGINT" });
  });
  expect(ended).toEqual({ ms: 5000, outcome: { exitCode: 130, signal: "SIGINT" } });
});

test("a command that exits after SIGINT, its output not taken, ends its caller a second later", async () => {
  const ended = await msUntilEnd((say) => {
    signal("SIGINT");
    say("exited", { exitCode: 3, signal: null });
  }, true);
  expect(ended).toEqual({ ms: 1000, outcome: { exitCode: 3 } });
});

test("SIGINT after the exit, while output is not taken, ends the caller a second later", async () => {
  const ended = await msUntilEnd((say) => {
    say("exited", { exitCode: 3, signal: null });
    signal("SIGINT");
  }, true);
  expect(ended).toEqual({ ms: 1000, outcome: { exitCode: 3 } });
});

test.each([
  [{ exitCode: 256, signal: null }],
  [{ exitCode: 0.5, signal: null }],
  [{ exitCode: null, signal: null }],
  [{ exitCode: 3, signal: "SIGINT" }],
  [{ exitCode: null, signal: "SIGNOTHING" }],
  ["gone"],
])("an invalid exit %j does not count, so the caller ends as without it", async (value) => {
  const ended = await msUntilEnd((say) => {
    say("exited", value);
    signal("SIGINT");
  });
  expect(ended).toEqual({ ms: 1000, outcome: { exitCode: 130, signal: "SIGINT" } });
});

test("after the end of the command the signals have as many listeners as before", async () => {
  const names = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
  const count = (): number[] => names.map((name) => process.listenerCount(name));
  const before = count();
  const { remote, end } = createRemote();
  const waiting = waitForCommand(remote, 0);
  expect(count()).not.toEqual(before);
  end(ENDED);
  await waiting;
  expect(count()).toEqual(before);
});
