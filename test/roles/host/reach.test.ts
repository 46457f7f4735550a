/** The reach of a guest: when the finders look, when the guest is given up, what a new call waits for. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createReach } from "../../../src/roles/host/reach.ts";
import { fakeTimersInEachTest } from "../../support/fake-timers.ts";

fakeTimersInEachTest();

const REFUSED = new NegotiatorError("NO_CHANNEL", "refused");
const LATER = new NegotiatorError("NO_CHANNEL", "refused later");

type Trial = { look?: Promise<void>; isReported?: () => boolean };

/** A reach that counts its looks. `look` resolves when the finders have looked. */
function createTrial({ look, isReported = () => false }: Trial = {}) {
  const seen = { looks: 0, gone: [] as string[] };
  const reach = createReach({
    onFailure: () => {
      seen.looks++;
      return look ?? Promise.resolve();
    },
    isReported,
    onGone: ({ message }) => seen.gone.push(message),
  });
  return { reach, seen };
}

/** Lets promises settle. They need no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

test("only the first four failures of a row make the finders look, and a success begins another row", () => {
  const { reach, seen } = createTrial();
  const looks = [1, 2, 3, 4, 5, 6].map(() => {
    reach.failed(REFUSED);
    return seen.looks;
  });
  expect(looks).toEqual([1, 2, 3, 4, 4, 4]);
  reach.clear();
  expect(reach.failure).toBeUndefined();
  reach.failed(LATER);
  expect({ looks: seen.looks, failure: reach.failure }).toEqual({ looks: 5, failure: LATER });
});

test("a guest whose dials fail for 3.5 s is given up once, with the last error, after a look", async () => {
  const { reach, seen } = createTrial();
  reach.failed(REFUSED);
  reach.failed(LATER);
  await settle();
  jest.advanceTimersByTime(3499);
  expect(seen).toEqual({ looks: 2, gone: [] });
  jest.advanceTimersByTime(1);
  expect(seen).toEqual({ looks: 3, gone: ["refused later"] });
  jest.advanceTimersByTime(60_000);
  expect(seen.gone).toHaveLength(1);
});

test.each([
  ["opens a channel", "clear"],
  ["is disposed", Symbol.dispose],
] as const)("a reach that %s within 3.5 s of a failure does not give the guest up", async (_what, end) => {
  const { reach, seen } = createTrial();
  reach.failed(REFUSED);
  await settle();
  jest.advanceTimersByTime(3000);
  reach[end]();
  jest.advanceTimersByTime(60_000);
  expect(seen.gone).toEqual([]);
});

test("a guest is not given up before the finders have looked, but after 30 s in any case", async () => {
  const { promise: look, resolve } = Promise.withResolvers<void>();
  const slow = createTrial({ look });
  const never = createTrial({ look: Promise.withResolvers<void>().promise });
  slow.reach.failed(REFUSED);
  never.reach.failed(REFUSED);
  jest.advanceTimersByTime(10_000);
  expect(slow.seen.gone).toEqual([]);
  resolve();
  await settle();
  jest.advanceTimersByTime(250);
  expect(slow.seen.gone).toEqual(["refused"]);
  jest.advanceTimersByTime(19_500);
  expect(never.seen.gone).toEqual([]);
  jest.advanceTimersByTime(500);
  expect(never.seen.gone).toEqual(["refused"]);
});

test("a guest whose finder reports its end is given up when the finder has forgotten it", async () => {
  let isReported = true;
  const { reach, seen } = createTrial({ isReported: () => isReported });
  reach.failed(REFUSED);
  await settle();
  jest.advanceTimersByTime(20_000);
  expect(seen.gone).toEqual([]);
  isReported = false;
  jest.advanceTimersByTime(250);
  expect(seen.gone).toEqual(["refused"]);
});

test("a look of an earlier row does not count as a look of the present one", async () => {
  const { promise: look, resolve } = Promise.withResolvers<void>();
  const looks = [look, Promise.withResolvers<void>().promise];
  const gone: string[] = [];
  const reach = createReach({
    onFailure: async () => looks.shift(),
    isReported: () => false,
    onGone: ({ message }) => gone.push(message),
  });
  reach.failed(REFUSED);
  reach.clear();
  jest.advanceTimersByTime(100);
  reach.failed(LATER);
  resolve();
  await settle();
  jest.advanceTimersByTime(5000);
  expect(gone).toEqual([]);
});

test("a silent agent makes the finders look once until it answers, and at most every ten seconds", () => {
  const { reach, seen } = createTrial();
  const silences = (): number => {
    reach.silent();
    return seen.looks;
  };
  expect([silences(), silences()]).toEqual([1, 1]);
  jest.advanceTimersByTime(20_000);
  expect(silences()).toBe(1);
  reach.answered();
  expect(silences()).toBe(2);
  reach.answered();
  jest.advanceTimersByTime(9999);
  expect(silences()).toBe(2);
  jest.advanceTimersByTime(1);
  expect(silences()).toBe(3);
});

test("a call ends the dialler's pause, and waits for no dial in the first two seconds", async () => {
  const { reach } = createTrial();
  let pauses = 0;
  expect(await reach.dialNow()).toBeTrue();
  reach.paused(() => pauses++);
  expect(await reach.dialNow()).toBeTrue();
  expect(pauses).toBe(1);
  reach.failed(REFUSED);
  jest.advanceTimersByTime(1999);
  expect(await reach.dialNow()).toBeTrue();
  expect(pauses).toBe(2);
});

test.each([
  ["fails too", false],
  ["succeeds", true],
])("after two seconds of failures a call waits for the next dial, which %s", async (_what, isReached) => {
  const { reach } = createTrial();
  reach.failed(REFUSED);
  jest.advanceTimersByTime(2000);
  let answer: boolean | undefined;
  const dialling = reach.dialNow().then((isDialled) => (answer = isDialled));
  await settle();
  expect(answer).toBeUndefined();
  if (isReached) reach.clear();
  else reach.failed(LATER);
  expect(await dialling).toBe(isReached);
});

test("a second row of failures has its own 3.5 s, and waits for its own look", async () => {
  const looks = [Promise.resolve(), Promise.resolve(), Promise.withResolvers<void>().promise];
  const gone: string[] = [];
  const reach = createReach({
    onFailure: async () => looks.shift(),
    isReported: () => false,
    onGone: ({ message }) => gone.push(message),
  });
  for (const passMs of [3000, 3000, 10_000]) {
    reach.clear();
    reach.failed(REFUSED);
    await settle();
    jest.advanceTimersByTime(passMs);
    expect(gone).toEqual([]);
  }
});
