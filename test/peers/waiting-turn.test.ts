/** A link whose peer's bytes wait for their turn. */
import { expect, test } from "bun:test";
import { createMemoryPair } from "../support/memory-channel.ts";
import { until } from "../support/until.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createShare } from "../../src/peers/fair-reader.ts";
import type { Share } from "../../src/peers/fair-reader.ts";
import { createLink } from "../../src/peers/link.ts";
import type { Link, LinkOptions } from "../../src/peers/link.ts";

let ids = 0;

function createTestLink(side: "dialler" | "listener", options: Partial<LinkOptions> = {}): Link {
  const agent = { name: "test", version: "1", role: side };
  const makeId = (): string => `${side}-id-number-${++ids}-of-a-test`;
  return createLink({ side, agent, makeId, onCall: () => undefined, ...options });
}

test("a call whose bytes wait for their turn in half a frame is answered, however late", async () => {
  const pair = createMemoryPair();
  const turn = Promise.withResolvers<void>();
  const share = createShare();
  const ticks: (() => void)[] = [];
  let turns = 0;
  const held: Share = {
    ...share,
    turns: {
      ...share.turns,
      async run(work) {
        // The second turn has half of the request, and the third one comes late.
        if (++turns === 3) await turn.promise;
        work();
      },
    },
  };
  const dialler = createTestLink("dialler");
  const listener = createTestLink("listener", {
    share: held,
    limits: { ...DEFAULT_LIMITS, brokenFrameMs: 1 },
    every(tick) {
      ticks.push(tick);
      return { [Symbol.dispose]: () => undefined };
    },
    onCall: (call) => call.respond("late"),
  });
  void dialler.run(pair.ends[0]);
  void listener.run(pair.ends[1]);
  await until("the hello waits", () => pair.inFlightBytes(0) > 0);
  pair.deliver(0);
  await until("its answer waits", () => pair.inFlightBytes(1) > 0);
  pair.deliver(1);
  const { answer } = dialler.session.call({ method: "echo" });
  await until("the request waits", () => pair.inFlightBytes(0) > 20);
  pair.deliver(0, 20);
  await until("half of the request was read", () => turns === 2);
  pair.flow();
  await until("the rest waits for its turn", () => turns === 3);
  const lateMs = performance.now() + 5;
  await until("the limit of a frame has passed", () => performance.now() > lateMs);
  for (const tick of ticks) tick();
  turn.resolve();
  expect((await answer).result).toBe("late");
});
