/** The drain of a daemon: it ends with the calls, with its time, and with the second stop signal. */
import { expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { runDaemon } from "../../../src/roles/daemon/daemon.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { unsetConfig } from "../../support/unset-config.ts";

const FOREVER_SECONDS = 100_000;

type Stop = {
  drainSeconds: number;
  abort?: AbortSignal;
  openCalls: () => number;
  refuseStarts?: () => void;
};

/** A daemon that has got SIGTERM. Returns its log, and whether it has given the signals back. */
async function stop(wanted: Stop) {
  const { drainSeconds, abort = new AbortController().signal, openCalls } = wanted;
  const { refuseStarts = () => undefined } = wanted;
  const config = unsetConfig({ ...DEFAULTS, drainSeconds });
  let isDisposed = false;
  const signals = {
    stopSignal: Promise.resolve("SIGTERM" as const),
    abort,
    onReload: () => undefined,
    onReexec: () => undefined,
    [Symbol.dispose]: () => void (isDisposed = true),
  };
  const invocation = { config, reload: () => Promise.resolve(config) };
  const options = {
    role: "host",
    signals,
    invocation,
    apply: () => Promise.resolve(undefined),
    openCalls,
    refuseStarts,
  } as const;
  const { stderr } = await spyOnOutput(() => runDaemon(options));
  return { stderr, isDisposed };
}

/** One open call, for a hundred looks: a drain that does not end fails and does not hang. */
function createOpenCall(onLook: (looks: number) => void = () => undefined): () => number {
  let looks = 0;
  return () => {
    if (++looks > 100) throw new Error("The drain does not end");
    onLook(looks);
    return 1;
  };
}

test("a drain of 100,000 seconds ends at once when its abort signal has aborted", async () => {
  const abort = AbortSignal.abort();
  const ended = await stop({ drainSeconds: FOREVER_SECONDS, abort, openCalls: createOpenCall() });
  expect(ended).toMatchObject({ isDisposed: true, stderr: expect.stringContaining("for 1 call") });
});

test("an abort during a drain of 100,000 seconds ends it", async () => {
  const hurry = new AbortController();
  const openCalls = createOpenCall((looks) => {
    if (looks === 3) hurry.abort();
    if (looks > 6) throw new Error("The drain goes on");
  });
  const ended = await stop({ drainSeconds: FOREVER_SECONDS, abort: hurry.signal, openCalls });
  expect(ended.isDisposed).toBe(true);
});

test("a drain ends when no call is open", async () => {
  let open = 4;
  await stop({ drainSeconds: FOREVER_SECONDS, openCalls: () => --open });
  expect(open).toBe(0);
});

test("a drain of 0 seconds ends at once with an open call", async () => {
  expect((await stop({ drainSeconds: 0, openCalls: createOpenCall() })).isDisposed).toBe(true);
});

test("a drain of 0.1 seconds waits for that long with an open call", async () => {
  const startMs = performance.now();
  await stop({ drainSeconds: 0.1, openCalls: createOpenCall() });
  expect(performance.now() - startMs).toBeGreaterThan(99);
});

test("new calls are taken while others run, and refused after the last look", async () => {
  const order: string[] = [];
  let open = 3;
  await stop({
    drainSeconds: FOREVER_SECONDS,
    refuseStarts: () => void order.push("refuse"),
    openCalls() {
      order.push("look");
      return --open;
    },
  });
  expect(order).toEqual(["look", "look", "look", "refuse"]);
});

test("new calls are refused in the last second of a drain", async () => {
  let refusals = 0;
  const openCalls = createOpenCall();
  await stop({ drainSeconds: 0.1, refuseStarts: () => void refusals++, openCalls });
  expect(refusals).toBeGreaterThan(1);
});
