/** Cases that disturb the port. */
import { setTimeout as delay } from "node:timers/promises";
import { endsNone } from "../case.ts";
import type { EmulatedCase } from "../case.ts";
import type { PortEvent } from "../port.ts";

const CUTS = 600;
/** So many cuts come before the next calls. A stream has about ten cuts. */
const CUTS_PER_CALLS = 20;
/** A session opens in this time, and is also cut before. */
const LONGEST_PEACE_MS = 200;
const SHORT_CUT_MS = 20;

/** Each has short limits: 12 s stand for the two minutes after which a daemon gives its peer up. */
export const PORT_CASES: Readonly<Record<string, EmulatedCase>> = {
  "cut-50ms": disturb("cut", 50, "the host is disconnected for 50 ms"),
  "cut-5s": disturb("cut", 5000, "the host is disconnected for 5 s"),
  "cut-long": disturb("cut", 10_000, "the host is disconnected for 10 of the 12 s that are allowed"),
  "cut-too-long": {
    ...disturb("cut", 15_000, "the host is disconnected for 15 s, where 12 are allowed"),
    mayEnd: () => true,
  },
  "cut-600": {
    kind: "emulated",
    what: `the host is disconnected ${CUTS} times in a row, under calls`,
    mayEnd: endsNone,
    async strike({ port }, { random, during }) {
      for (let cut = 0; cut < CUTS; cut++) {
        if (cut % CUTS_PER_CALLS === 0) during(["host", "guest"], ["note", "raw", "text", "waiting"]);
        await delay(random.below(LONGEST_PEACE_MS));
        await port.disturb("cut", random.below(SHORT_CUT_MS));
      }
    },
  },
  flap: disturb("flap", 3000, "each connection of the host is closed at once, for 3 s"),
  tear: disturb("tear", 50, "the host is disconnected in the middle of a message"),
  delay: disturb("hold", 4000, "no byte arrives for 4 s"),
  "port-gone-1s": disturb("gone", 1000, "both sockets of the port are gone for 1 s"),
  "port-gone-6s": {
    ...disturb("gone", 6000, "both sockets of the port are gone for 6 s"),
    mayEnd: () => true,
  },
};

function disturb(event: PortEvent, ms: number, what: string): EmulatedCase {
  return {
    kind: "emulated",
    what,
    mayEnd: endsNone,
    async strike({ port }, { during }) {
      const over = port.disturb(event, ms);
      during();
      await over;
    },
  };
}
