/** Fake timers of tests. */
import { test } from "bun:test";
import { everyTick } from "../../src/peers/ticker.ts";
import { useFakeTimers } from "./fake-timers.ts";
import { until } from "./until.ts";

test("the shared ticker goes on for a listener that is left from a test with fake timers", async () => {
  let ticks = 0;
  const timers = useFakeTimers();
  using _ = everyTick(() => ticks++);
  timers[Symbol.dispose]();
  await until("the ticker calls its listener", () => ticks > 0);
});
