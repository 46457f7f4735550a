/** A channel works for four milliseconds, and then waits for the others. */
import { expect, test } from "bun:test";
import { createChannelTurn } from "../../src/peers/channel-turn.ts";

const CHANNEL_TURN_MS = 4;

function openTurn() {
  const clock = { ms: 1000 };
  const waits: PromiseWithResolvers<void>[] = [];
  const turn = createChannelTurn(
    () => clock.ms,
    () => {
      const wait = Promise.withResolvers<void>();
      waits.push(wait);
      return wait.promise;
    },
  );
  /** Works for so many milliseconds, and asks for more time. */
  const work = (ms: number): Promise<void> | undefined => {
    clock.ms += ms;
    return turn.pass();
  };
  return { clock, waits, turn, work };
}

test("pieces of work pass at once until together they take four milliseconds", async () => {
  const { waits, turn, work } = openTurn();
  turn.begin();
  expect(work(CHANNEL_TURN_MS - 1)).toBeUndefined();
  expect(work(0.5)).toBeUndefined();
  const passed = work(0.5);
  expect(waits).toHaveLength(1);
  let isOver = false;
  void passed?.then(() => (isOver = true));
  await Promise.resolve();
  expect(isOver).toBe(false);
  waits[0]?.resolve();
  await passed;
});

test("a wait for others does not count as work, and the work before it does not count again", async () => {
  const { clock, waits, turn, work } = openTurn();
  turn.begin();
  const passed = work(CHANNEL_TURN_MS);
  clock.ms += 100;
  waits[0]?.resolve();
  await passed;
  expect(work(CHANNEL_TURN_MS - 1)).toBeUndefined();
  expect(work(1)).toBeDefined();
});

test("the time until input comes does not count as work", () => {
  const { clock, turn, work } = openTurn();
  turn.begin();
  expect(work(CHANNEL_TURN_MS - 1)).toBeUndefined();
  clock.ms += 100;
  turn.begin();
  expect(work(0.5)).toBeUndefined();
  expect(work(0.5)).toBeDefined();
});

test("without options it waits for the next turn of the event loop", async () => {
  const turn = createChannelTurn();
  let isPast = false;
  setImmediate(() => (isPast = true));
  // Nothing has begun, so all time since the start of this process counts.
  await turn.pass();
  expect(isPast).toBe(true);
});
