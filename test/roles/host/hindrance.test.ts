/** Guests that cannot answer, as libvirt says: for how long a new call waits for the end of that. */
import { expect, jest, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { createHindrance } from "../../../src/roles/host/hindrance.ts";
import { fakeTimersInEachTest } from "../../support/fake-timers.ts";

fakeTimersInEachTest();

const ENDPOINT: Endpoint = { guest: "web1", port: "p", path: "/run/p", source: "libvirt" };
const PAUSED: Endpoint = { ...ENDPOINT, state: "paused" };
const CLOSED: Endpoint = { ...ENDPOINT, connected: false };

function createTrial(state: "open" | "dialling" | "foreign" = "dialling") {
  const session = { state, heardMs: 0, asked: 0 };
  const asking = {
    get state() {
      return session.state;
    },
    get heardMs() {
      return session.heardMs;
    },
    ask: () => void session.asked++,
  };
  return { session, hindrance: createHindrance(asking) };
}

/** Advances the clock in small steps until the answer is there. Returns it, and its time in milliseconds. */
async function timed(answer: Promise<boolean>): Promise<[isAdmitted: boolean, ms: number]> {
  const startMs = performance.now();
  let found: boolean | undefined;
  void answer.then((isAdmitted) => (found = isAdmitted));
  for (let step = 0; step < 2000; step++) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    if (found !== undefined) return [found, performance.now() - startMs];
    jest.advanceTimersByTime(10);
  }
  throw new Error("the call waits for ever");
}

test("a call to a guest that can answer is admitted at once, and asks nothing", async () => {
  const { session, hindrance } = createTrial();
  expect(await timed(hindrance.admit(1000))).toEqual([true, 0]);
  hindrance.update(ENDPOINT);
  expect(await timed(hindrance.admit(1000))).toEqual([true, 0]);
  hindrance.update({ ...ENDPOINT, connected: true });
  expect(await timed(hindrance.admit(1000))).toEqual([true, 0]);
  expect({ asked: session.asked, since: hindrance.pausedSince }).toEqual({ asked: 0, since: undefined });
});

test("a call to a guest that was paused just now waits for its whole time", async () => {
  const { session, hindrance } = createTrial();
  hindrance.update(PAUSED);
  jest.advanceTimersByTime(1990);
  const [isAdmitted, ms] = await timed(hindrance.admit(3000));
  expect({ isAdmitted, asked: session.asked }).toEqual({ isAdmitted: false, asked: 1 });
  expect(ms).toBeWithin(3000, 3041);
});

test.each([
  ["half a second", 3000, false, 500],
  ["its time, if that is shorter", 200, false, 200],
  ["half a second without a limit", 0, false, 500],
  ["all its time, if it is patient", 3000, true, 3000],
])("a call to a guest paused for two seconds waits %s", async (_what, timeoutMs, isPatient, least) => {
  const { hindrance } = createTrial();
  hindrance.update(PAUSED);
  jest.advanceTimersByTime(2000);
  const [isAdmitted, ms] = await timed(hindrance.admit(timeoutMs, undefined, isPatient));
  expect(isAdmitted).toBeFalse();
  expect(ms).toBeWithin(least, least + 41);
});

test("a waiting call is admitted when the guest is resumed, and refused when its signal aborts", async () => {
  const { hindrance } = createTrial();
  const stop = new AbortController();
  hindrance.update(PAUSED);
  const [resumed, aborted] = [hindrance.admit(0), hindrance.admit(0, stop.signal)];
  stop.abort();
  expect(await timed(aborted)).toEqual([false, 0]);
  hindrance.update(ENDPOINT);
  expect((await timed(resumed))[0]).toBeTrue();
});

test("a guest stays paused since its first report, and a later pause has its own time", () => {
  const { hindrance } = createTrial();
  hindrance.update(PAUSED);
  const since = hindrance.pausedSince;
  jest.advanceTimersByTime(1000);
  hindrance.update(PAUSED);
  expect(since).toBeDate();
  expect(hindrance.pausedSince).toBe(since);
  hindrance.update(undefined);
  expect(hindrance.pausedSince).toBeUndefined();
  hindrance.update(PAUSED);
  expect(hindrance.pausedSince).not.toBe(since);
});

test("a closed port refuses a call, until the session hears its agent or the port is open", async () => {
  const { session, hindrance } = createTrial();
  jest.advanceTimersByTime(5000);
  hindrance.update(CLOSED);
  expect((await timed(hindrance.admit(100)))[0]).toBeFalse();
  session.heardMs = performance.now();
  expect(await timed(hindrance.admit(100))).toEqual([true, 0]);
  session.heardMs = 0;
  hindrance.update({ ...CLOSED, connected: true });
  expect(await timed(hindrance.admit(100))).toEqual([true, 0]);
});

test("a closed port does not refuse a call to a foreign agent", async () => {
  const { session, hindrance } = createTrial("foreign");
  hindrance.update(CLOSED);
  expect(await timed(hindrance.admit(100))).toEqual([true, 0]);
  session.state = "dialling";
  expect((await timed(hindrance.admit(100)))[0]).toBeFalse();
});

test("a closed port counts since the first cut before the scan; an open session forgets it", async () => {
  const { session, hindrance } = createTrial();
  hindrance.follow();
  jest.advanceTimersByTime(1500);
  hindrance.follow();
  jest.advanceTimersByTime(500);
  hindrance.update(CLOSED);
  const [, lastingMs] = await timed(hindrance.admit(1000));
  expect(lastingMs).toBeWithin(500, 541);
  hindrance.update(ENDPOINT);
  session.state = "open";
  hindrance.follow();
  hindrance.update(CLOSED);
  const [, freshMs] = await timed(hindrance.admit(1000));
  expect(freshMs).toBeWithin(1000, 1041);
});

test("a port that each scan finds closed counts since the first scan, for a call of 1 ms too", async () => {
  const { hindrance } = createTrial();
  hindrance.update(CLOSED);
  jest.advanceTimersByTime(2000);
  hindrance.update(CLOSED);
  expect((await timed(hindrance.admit(3000)))[1]).toBeWithin(500, 541);
  expect((await timed(hindrance.admit(1)))[1]).toBeWithin(1, 41);
});
