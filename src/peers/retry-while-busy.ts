/** Waiting for a channel that another process has: only one at a time can, the others take turns. */
import { NegotiatorError } from "../errors.ts";
import type { Channel } from "../wire/channel.ts";
import { pause } from "./supervise.ts";

/** How often a channel is tried that is taken, give or take a half. */
const BUSY_PAUSE_MS = 200;

/** `timeoutMs` 0 or none is no limit. */
export type RetryLimit = { timeoutMs?: number; signal?: AbortSignal | undefined };

/**
 * What `open` gives, which is tried again as long as it throws `BUSY`: until `timeoutMs` have passed, 0 is no limit, or
 * `signal` is aborted. Then it throws what `open` threw last.
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
