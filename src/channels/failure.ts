/** Turns a channel's system errors into errors of ours. */
import { errnoOf, NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";
import { printable } from "../printable.ts";

/** The meaning of an errno name for one action. */
export type FailureCase = { code: FaultCode; condition: string; remedy?: string };

/**
 * Returns the error for a failed `action`, which names its object: `Cannot open port "/dev/vport0p1"`. An
 * errno that is not in `cases` becomes `NO_CHANNEL`; an error without an errno passes through
 * `NegotiatorError.from`.
 */
export function explainFailure(
  action: string,
  thrown: unknown,
  cases: Readonly<Record<string, FailureCase>>,
): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const errno = errnoOf(thrown);
  if (errno === undefined) return NegotiatorError.from(thrown);
  const known = Object.hasOwn(cases, errno) ? cases[errno] : undefined;
  const { code, condition, remedy } = known ?? { code: "NO_CHANNEL", condition: errno };
  return new NegotiatorError(code, `${action}: ${condition}`, {
    cause: thrown,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** Returns the error of a `write` to a channel that this side or the far end has closed. */
export function closedError(label: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("CLOSED", `Cannot write to "${printable(label)}": the channel is closed`, {
    cause,
  });
}
