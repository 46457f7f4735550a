/** Waits for a promise with a limit of time. */
import { clampDelay } from "../delay.ts";

/**
 * Resolves true when `promise` resolves, false when that takes longer than `ms`. Rejects as `promise` does.
 */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), clampDelay(ms));
  const isSettled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isSettled;
}
