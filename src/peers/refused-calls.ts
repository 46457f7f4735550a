/** Counts the calls of a peer that this side refuses: they cost time, and the peer gains nothing by them. */
import type { FaultCode } from "../errors.ts";
import type { Serve } from "../methods/serve.ts";
import { countBytes } from "../wire/calls/json-bytes.ts";
import type { Share } from "./fair-reader.ts";

/** The errors of calls that have run nothing. */
const REFUSALS: ReadonlySet<FaultCode> = new Set([
  "BAD_REQUEST",
  "UNKNOWN_METHOD",
  "DENIED",
  "NOT_EXECUTABLE",
  "NO_COMMAND",
  "NO_CALL",
  "BUSY",
  "TOO_LARGE",
  "UNSUPPORTED",
]);

/** About the cost of a refusal: looks at files, the answer, and the audit entry, in milliseconds. */
const REFUSAL_MS = 1;
/** The same for each byte of the parameters: policy and audit make copies of them. */
const BYTE_MS = 0.0001;
/** The most that the start of a call counts. On a busy machine other processes make it longer. */
const MOST_START_MS = 20;

/** Returns what serves the same calls. Refused ones count in the quota and the turns of the peer. */
export function countRefused(
  { call, refused, ...rest }: Serve,
  { turns, quota, calls }: Pick<Share, "turns" | "quota" | "calls">,
): Serve {
  const count = (params: unknown, startMs: number): void => {
    const laterMs = REFUSAL_MS + countBytes(params) * BYTE_MS;
    const ms = calls.readMs + Math.min(startMs, MOST_START_MS) + laterMs;
    turns.countVain(ms);
    quota.take({ refusedMs: ms }, performance.now());
  };
  return {
    ...rest,
    call(incoming) {
      const beganMs = performance.now();
      const start: { endMs?: number } = {};
      call({
        ...incoming,
        fail(error) {
          if (REFUSALS.has(error.code)) count(incoming.params, (start.endMs ?? performance.now()) - beganMs);
          incoming.fail(error);
        },
      });
      start.endMs = performance.now();
    },
    refused(given) {
      count(given.params, 0);
      refused?.(given);
    },
  };
}
