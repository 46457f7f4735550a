/** The figures of a link to a peer, as `status` shows them: bytes, calls, and the round trip. */
import * as v from "valibot";
import type { ByteCount } from "../../channels/byte-count.ts";
import { createCallCount } from "../../peers/call-count.ts";
import type { CallCount } from "../../peers/call-count.ts";
import type { Session } from "../../wire/session/session.ts";

/**
 * Members of a link's status. A daemon of an older release does not send them.
 * - `roundTripMs`: milliseconds of the last measured ping with its pong; null while there is none.
 * - `bytes`: of all channels of the peer since the daemon began to hold them, from the peer and to it.
 * - `callsDone`: the number of our calls at the peer, and of the peer's calls here, that have ended.
 */
export const LinkFigureEntries = {
  roundTripMs: v.optional(v.nullable(v.number()), null),
  bytes: v.optional(v.object({ in: v.number(), out: v.number() }), { in: 0, out: 0 }),
  callsDone: v.optional(v.object({ outgoing: v.number(), incoming: v.number() }), {
    outgoing: 0,
    incoming: 0,
  }),
};

const LinkFiguresSchema = v.object(LinkFigureEntries);

/** These members. */
export type LinkFigures = v.InferOutput<typeof LinkFiguresSchema>;

/** The members of a guest that does not run. */
export const NO_FIGURES: LinkFigures = v.parse(LinkFiguresSchema, {});

/** Counts bytes and calls of one peer. */
export type FigureCounter = {
  readonly bytes: ByteCount;
  readonly calls: CallCount;
  /** The figures now; `running` are the calls that have not ended. */
  figures(session: Pick<Session, "timing">, running: { outgoing: number; incoming: number }): LinkFigures;
};

/** Creates a counter that has counted nothing. */
export function createFigureCounter(): FigureCounter {
  const bytes = { in: 0, out: 0 };
  const calls = createCallCount();
  return {
    bytes,
    calls,
    figures({ timing: { roundTripMs } }, { outgoing, incoming }) {
      return {
        roundTripMs: roundTripMs === undefined ? null : Math.round(roundTripMs * 100) / 100,
        bytes: { ...bytes },
        callsDone: {
          outgoing: Math.max(0, calls.begun.outgoing - outgoing),
          incoming: Math.max(0, calls.begun.incoming - incoming),
        },
      };
    },
  };
}

/**
 * Pings the peers of all open sessions, so that their round trips are those of now. Resolves when all have
 * answered, or after a short time.
 */
export async function measureRoundTrips(
  sessions: readonly Pick<Session, "state" | "ask" | "heardMs">[],
): Promise<void> {
  const startMs = performance.now();
  const asked = sessions.filter(({ state }) => state === "open");
  for (const session of asked) session.ask(startMs);
  const isWaiting = (): boolean => asked.some(({ state, heardMs }) => state === "open" && heardMs < startMs);
  while (isWaiting() && performance.now() - startMs < MEASURE_MS) await Bun.sleep(STEP_MS);
}

/** An idle guest answers within a few milliseconds. */
const MEASURE_MS = 250;
const STEP_MS = 2;
