/** Cases that disturb the port. */
import { endsNone } from "../case.ts";
import type { EmulatedCase } from "../case.ts";
import type { PortEvent } from "../port.ts";

/** Each has short limits: 12 s stand for the two minutes after which a daemon gives its peer up. */
export const PORT_CASES: Readonly<Record<string, EmulatedCase>> = {
  "cut-50ms": disturb("cut", 50, "the host is disconnected for 50 ms"),
  "cut-5s": disturb("cut", 5000, "the host is disconnected for 5 s"),
  "cut-long": disturb("cut", 10_000, "the host is disconnected for 10 of the 12 s that are allowed"),
  "cut-too-long": {
    ...disturb("cut", 15_000, "the host is disconnected for 15 s, where 12 are allowed"),
    mayEnd: () => true,
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
