/** Waits for a channel that another process holds: only one process at a time can. */
import { NegotiatorError } from "../errors.ts";
import type { Channel } from "../wire/channel.ts";
import { pause } from "./supervise.ts";

/** The pause between two tries, give or take a half. */
const BUSY_PAUSE_MS = 200;

/** When to stop trying: after `timeoutMs` (0 or none is no limit), or when `signal` aborts. */
export type RetryLimit = { timeoutMs?: number; signal?: AbortSignal | undefined };

/**
 * Resolves to the channel that `open` gives, which is called again while it rejects with `BUSY`. At the limit
 * it rejects with the last error.
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
