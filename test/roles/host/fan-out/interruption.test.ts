/** Signals and lost readers of a fan-out: what each command gets, and what is over. */
import { expect, jest, test } from "bun:test";
import { nextTurn } from "../../../../src/delay.ts";
import { watchInterruption } from "../../../../src/roles/host/fan-out/interruption.ts";
import type { Interruption } from "../../../../src/roles/host/fan-out/interruption.ts";
import { rejectionOf } from "../../../support/error-of.ts";
import { fakeTimersInEachTest } from "../../../support/fake-timers.ts";

fakeTimersInEachTest();

/** A command that only notes what it gets. */
function command(facts: { takesMessages?: boolean; isSent?: boolean } = {}) {
  const got: unknown[] = [];
  const remote = {
    takesMessages: true,
    isSent: true,
    ...facts,
    send: (name: string, value: unknown) => void got.push([name, value]),
    cancel: (reason: string) => void got.push(reason),
  };
  return { remote, got };
}

/** Whether the time to leave has come. */
async function isLeft({ left }: Interruption): Promise<boolean> {
  return Promise.race([left.catch(() => true), Promise.resolve().then(() => Promise.resolve(false))]);
}

const INTERRUPT = ["signal", { signal: "SIGINT" }];

test("the first signal goes to commands that can take it, and cancels the others", () => {
  using interruption = watchInterruption();
  const [able, deaf, unsent, ended] = [
    command(),
    command({ takesMessages: false }),
    command({ isSent: false }),
    command(),
  ];
  for (const { remote } of [able, deaf, unsent]) interruption.follow(remote);
  interruption.follow(ended.remote)[Symbol.dispose]();
  expect([interruption.signal, interruption.isStopping]).toEqual([undefined, false]);
  process.emit("SIGINT", "SIGINT");
  expect([interruption.signal, interruption.isStopping]).toEqual(["SIGINT", true]);
  expect(able.got).toEqual([INTERRUPT]);
  expect(deaf.got).toEqual(["interrupted by SIGINT"]);
  expect(unsent.got).toEqual(["interrupted by SIGINT"]);
  expect(ended.got).toEqual([]);
});

test("commands that go on five seconds after a signal are cancelled, and left a second later", async () => {
  using interruption = watchInterruption();
  const { remote, got } = command();
  interruption.follow(remote);
  process.emit("SIGINT", "SIGINT");
  jest.advanceTimersByTime(4999);
  expect(got).toEqual([INTERRUPT]);
  jest.advanceTimersByTime(1);
  expect(got).toEqual([INTERRUPT, "interrupted by SIGINT"]);
  jest.advanceTimersByTime(999);
  expect(await isLeft(interruption)).toBe(false);
  jest.advanceTimersByTime(1);
  const { code, message } = await rejectionOf(interruption.left);
  expect([code, message]).toEqual(["CANCELLED", "Cancelled: interrupted by SIGINT"]);
});

test("a second signal cancels and leaves all commands at once, and the first signal counts", async () => {
  using interruption = watchInterruption();
  const { remote, got } = command();
  interruption.follow(remote);
  process.emit("SIGTERM", "SIGTERM");
  process.emit("SIGINT", "SIGINT");
  expect(interruption.signal).toBe("SIGTERM");
  expect(got).toEqual([["signal", { signal: "SIGTERM" }], "interrupted by SIGINT"]);
  expect((await rejectionOf(interruption.left)).message).toBe("Cancelled: interrupted by SIGINT");
});

test("a stop without a signal cancels all commands, and leaves them a second later", async () => {
  using interruption = watchInterruption();
  const { remote, got } = command();
  interruption.follow(remote);
  interruption.stop("a reason");
  expect([interruption.signal, interruption.isStopping, got]).toEqual([undefined, true, ["a reason"]]);
  expect(await isLeft(interruption)).toBe(false);
  jest.advanceTimersByTime(1000);
  expect((await rejectionOf(interruption.left)).message).toBe("Cancelled: a reason");
});

test("a fan-out whose commands have all ended may be left too", async () => {
  using interruption = watchInterruption();
  interruption.stop("a reason");
  jest.advanceTimersByTime(1000);
  jest.useRealTimers();
  // A rejection without a listener would fail this test.
  await nextTurn();
  expect(interruption.isStopping).toBe(true);
});

test("disposing gives four signals their usual effect back, and stops the timers", async () => {
  const names = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
  const counts = (): number[] => names.map((name) => process.listenerCount(name));
  const before = counts();
  const interruption = watchInterruption();
  expect(counts()).toEqual(before.map((count) => count + 1));
  interruption.stop("a reason");
  interruption[Symbol.dispose]();
  expect(counts()).toEqual(before);
  jest.advanceTimersByTime(10_000);
  expect(await isLeft(interruption)).toBe(false);
});
