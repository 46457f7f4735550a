/** Notes the start of a call that another side runs, unless that side refuses it. */
import { NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";

/** A side that refuses a call does so soon. After this time the call counts as started. */
const REFUSAL_MS = 2000;

/** With these codes the other side says that nothing ran. */
const REFUSALS: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "BAD_REQUEST",
  "BUSY",
  "DENIED",
  "NO_COMMAND",
  "NOT_EXECUTABLE",
  "TOO_LARGE",
  "UNKNOWN_METHOD",
  "UNSUPPORTED",
]);

/**
 * Resolves or rejects as the promise of `wait` does. Calls `begin` before that, once the call may have run:
 * at its end, or after two seconds. A call that was not sent, or that the other side refuses
 * before, has not run.
 */
export async function noteStart<Ended>(
  call: { readonly isSent: boolean },
  begin: () => Promise<void>,
  wait: () => Promise<Ended>,
): Promise<Ended> {
  const timer = setTimeout(() => void begin().catch(() => undefined), REFUSAL_MS);
  try {
    const ended = await wait();
    await begin();
    return ended;
  } catch (thrown) {
    if (call.isSent && !REFUSALS.has(NegotiatorError.from(thrown).code)) await begin();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}
