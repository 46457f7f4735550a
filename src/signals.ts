/** Names and numbers of the signals of this system (signal(7)). */
import { constants } from "node:os";

/**
 * Returns the number of a signal such as `SIGTERM`, or `SIG34` for a real-time one; undefined for other text.
 */
export function signalNumber(name: string): number | undefined {
  const named = Object.entries(constants.signals).find(([known]) => known === name)?.[1];
  if (named !== undefined) return named;
  const [, digits] = /^SIG([1-9]\d?)$/.exec(name) ?? [];
  return digits === undefined || Number(digits) > LAST_SIGNAL ? undefined : Number(digits);
}

/** SIGRTMAX on all architectures that we build for. */
const LAST_SIGNAL = 64;

/** Returns the name of a signal: `SIGTERM` for 15; `SIG34` for 34, which has no name. */
export function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`;
}
