/** Waits for a channel that another process holds. Only one process at a time can hold it. */
import { NegotiatorError } from "../errors.ts";
import type { Channel } from "../wire/channel.ts";
import { pause } from "./supervise.ts";

/** The mean pause between two tries. */
const BUSY_PAUSE_MS = 200;

/** Trying ends after `timeoutMs` (no limit if 0 or absent), and when `signal` aborts. */
export type RetryLimit = { timeoutMs?: number; signal?: AbortSignal | undefined };

/**
 * Resolves to the channel of `open`. Calls `open` again while that rejects with `BUSY`. Rejects with the last
 * error at the limit, and at once with any other error.
 */
export async function retryWhileBusy(
  open: (signal: AbortSignal) => Promise<Channel>,
  { timeoutMs = 0, signal = new AbortController().signal }: RetryLimit,
): Promise<Channel> {
  const endMs = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity;
  for (;;) {
    try {
      return await open(signal);
    } catch (thrown) {
      const error = NegotiatorError.from(thrown);
      if (error.code !== "BUSY" || signal.aborted || performance.now() > endMs) throw error;
      await pause(BUSY_PAUSE_MS * (0.5 + Math.random()), signal);
    }
  }
}
