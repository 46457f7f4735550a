/** A link whose peer's bytes wait for their turn. */
import { expect, test } from "bun:test";
import { createMemoryPair } from "../support/memory-channel.ts";
import { until } from "../support/until.ts";
import { createShare } from "../../src/peers/fair-reader.ts";
import type { Share } from "../../src/peers/fair-reader.ts";
import { createLink } from "../../src/peers/link.ts";
import type { Link, LinkOptions } from "../../src/peers/link.ts";
import { everyTick } from "../../src/peers/ticker.ts";

let ids = 0;

function createTestLink(side: "dialler" | "listener", options: Partial<LinkOptions> = {}): Link {
  const agent = { name: "test", version: "1", role: side };
  const makeId = (): string => `${side}-id-number-${++ids}-of-a-test`;
  return createLink({ side, agent, makeId, onCall: () => undefined, ...options });
}

test("a call whose bytes wait three seconds for their turn in half a frame is answered", async () => {
  const pair = createMemoryPair();
  const turn = Promise.withResolvers<void>();
  const share = createShare();
  let turns = 0;
  const held: Share = {
    ...share,
    turns: {
      ...share.turns,
      async run(work) {
        // The first turn has half of the request, and the second one comes late.
        if (++turns === 3) await turn.promise;
        await work();
      },
    },
  };
  const dialler = createTestLink("dialler");
  const listener = createTestLink("listener", { share: held, onCall: (call) => call.respond("late") });
  void dialler.run(pair.ends[0]);
  void listener.run(pair.ends[1]);
  await until("the hello waits", () => pair.inFlightBytes(0) > 0);
  pair.deliver(0);
  await until("its answer waits", () => pair.inFlightBytes(1) > 0);
  pair.deliver(1);
  const { answer } = dialler.session.call({ method: "echo" });
  await until("the request waits", () => pair.inFlightBytes(0) > 20);
  pair.deliver(0, 20);
  pair.flow();
  let ticks = 0;
  using _ = everyTick(() => void ticks++);
  await until("three seconds have passed", () => ticks >= 3);
  turn.resolve();
  expect((await answer).result).toBe("late");
}, 20_000);
