/** Starts calls in the turns of their peer, and goes on with those of the program before this one. */
import type { Serve } from "../methods/serve.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import { collectEarly } from "./early-collection.ts";
import type { Share } from "./fair-reader.ts";
import { TURNS } from "./turns.ts";

/** About the cost of a call after its start: looks at files, the answer, the audit entry. */
const CALL_MS = 2;
/** About the cost of going on with a call of the program before. */
const GOING_ON_MS = 0.5;
/** About the garbage of a call, which can have far fewer bytes. */
const CALL_BYTES = 16 * 1024;

/** Calls of the program before, which have common turns: no other work waits for all of them. */
const HANDED_OVER = { turns: TURNS.open(), starts: new Array<() => void>() };

/** The last one goes on first: most calls are short, so the first ones are those that take long anyway. */
function goOn(start: () => void): void {
  const { turns, starts } = HANDED_OVER;
  starts.push(start);
  void turns.run(() => starts.pop()?.(), GOING_ON_MS);
}

/** Returns how many calls of the program before have not gone on yet. */
export function countWaitingStarts(): number {
  return HANDED_OVER.starts.length;
}

/** Goes on with calls of the program before in turns. New calls start at once. */
export function goOnInTurns({ call, ...rest }: Serve): Serve {
  return {
    ...rest,
    call(incoming) {
      if (wasHandedOver(incoming)) goOn(() => call(incoming));
      else call(incoming);
    },
  };
}

function wasHandedOver({ handOver }: IncomingCall): boolean {
  return handOver?.given !== undefined;
}

/** Starts each call in a turn of its peer. Notices were read in one, and start at once. */
export function serveInTurns(
  { call, refused, ...rest }: Serve,
  { turns, calls }: Pick<Share, "turns" | "calls">,
  collect = collectEarly,
): Serve {
  return {
    ...rest,
    call(incoming) {
      const start = (): void => {
        collect(CALL_BYTES);
        call(incoming);
      };
      if (wasHandedOver(incoming)) return goOn(start);
      calls.read++;
      void turns.run(start, CALL_MS);
    },
    refused(given) {
      calls.read++;
      refused?.(given);
    },
  };
}
