/** Signals that come before a daemon is ready for them, and after. */
import { expect, test } from "bun:test";
import { catchSignals } from "../../../src/roles/daemon/life-signals.ts";
import { until } from "../../support/until.ts";

/** Resolves when a signal of this process has been delivered to whoever listens. */
async function signal(name: NodeJS.Signals): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once(name, () => resolve());
  process.kill(process.pid, name);
  await promise;
}

test("a reload that is asked for too early happens as soon as it can, once", async () => {
  using signals = catchSignals();
  await signal("SIGHUP");
  await signal("SIGHUP");
  let reloads = 0;
  signals.onReload(() => void reloads++);
  expect(reloads).toBe(1);
  await signal("SIGHUP");
  await until("it reloads again", () => reloads === 2);
});

test("there is no reload that nobody asked for", () => {
  using signals = catchSignals();
  let reloads = 0;
  signals.onReload(() => void reloads++);
  expect(reloads).toBe(0);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s that comes too early still stops it", async (name) => {
  using signals = catchSignals();
  await signal(name);
  expect(await signals.stopped).toBe(name);
});

test("the second one is in a hurry, even when nobody has heard of the first yet", async () => {
  using signals = catchSignals();
  await signal("SIGTERM");
  expect(signals.hurry.aborted).toBe(false);
  await signal("SIGINT");
  expect(signals.hurry.aborted).toBe(true);
  expect(await signals.stopped).toBe("SIGTERM");
});

test("afterwards nobody listens", () => {
  const names = ["SIGHUP", "SIGTERM", "SIGINT"] as const;
  const counts = (): number[] => names.map((name) => process.listenerCount(name));
  const before = counts();
  catchSignals()[Symbol.dispose]();
  expect(counts()).toEqual(before);
});
