/** Gets the `NegotiatorError` that an action throws. Any other outcome fails the test. */
import { NegotiatorError } from "../../src/errors.ts";

/** Returns the error that `run` throws. */
export function errorOf(run: () => unknown): NegotiatorError {
  try {
    run();
  } catch (error) {
    return requireOurs(error);
  }
  throw new Error("expected a NegotiatorError, but nothing was thrown");
}

/** Returns the error that `promise` rejects with. */
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
