/** Signals that come before and after a daemon is ready for them. */
import { expect, test } from "bun:test";
import { catchSignals } from "../../../src/roles/daemon/life-signals.ts";
import { until } from "../../support/until.ts";

/** Sends this process a signal, and resolves when its listeners have been called. */
async function signal(name: NodeJS.Signals): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once(name, () => resolve());
  process.kill(process.pid, name);
  await promise;
}

test("two SIGHUPs before onReload cause one reload, and a later SIGHUP another one", async () => {
  using signals = catchSignals();
  await signal("SIGHUP");
  await signal("SIGHUP");
  let reloads = 0;
  signals.onReload(() => void reloads++);
  expect(reloads).toBe(1);
  await signal("SIGHUP");
  await until("it reloads again", () => reloads === 2);
});

test("without a SIGHUP, onReload does not reload", () => {
  using signals = catchSignals();
  let reloads = 0;
  signals.onReload(() => void reloads++);
  expect(reloads).toBe(0);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s before the daemon is ready resolves stopSignal",
  async (name) => {
    using signals = catchSignals();
    await signal(name);
    expect(await signals.stopSignal).toBe(name);
  },
);

test("a second stop signal aborts, and stopSignal has the name of the first one", async () => {
  using signals = catchSignals();
  await signal("SIGTERM");
  expect(signals.abort.aborted).toBe(false);
  await signal("SIGINT");
  expect(signals.abort.aborted).toBe(true);
  expect(await signals.stopSignal).toBe("SIGTERM");
});

test("after the disposal, the process has as many signal listeners as before", () => {
  const names = ["SIGHUP", "SIGTERM", "SIGINT"] as const;
  const counts = (): number[] => names.map((name) => process.listenerCount(name));
  const before = counts();
  catchSignals()[Symbol.dispose]();
  expect(counts()).toEqual(before);
});
