/** The `NegotiatorError` that something throws; anything else is a failed test. */
import { NegotiatorError } from "../../src/errors.ts";

/** Of a call that throws at once. */
export function errorOf(run: () => unknown): NegotiatorError {
  try {
    run();
  } catch (error) {
    return requireOurs(error);
  }
  throw new Error("expected a NegotiatorError, but nothing was thrown");
}

/** Of a promise that rejects. */
export async function rejectionOf(promise: Promise<unknown>): Promise<NegotiatorError> {
  try {
    await promise;
  } catch (error) {
    return requireOurs(error);
  }
  throw new Error("expected a NegotiatorError, but the promise was fulfilled");
}

function requireOurs(error: unknown): NegotiatorError {
  if (error instanceof NegotiatorError) return error;
  throw new Error(`expected a NegotiatorError, not ${String(error)}`, { cause: error });
}
