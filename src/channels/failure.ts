/** How a channel's failures are told: which of our codes an errno becomes, the state of things, and what to do. */
import { errnoOf, NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";
import { printable } from "../printable.ts";

/** What an errno name means for one action. */
export type FailureCase = { code: FaultCode; condition: string; remedy?: string };

/**
 * `action` names what failed, with its object: `Cannot open port "/dev/vport0p1"`. An errno that is not in `cases` becomes
 * `NO_CHANNEL`; what did not come from a system call goes through `NegotiatorError.from`.
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

/** What `write` rejects with once a channel is closed, by us or by the far end. */
export function closedError(label: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("CLOSED", `Cannot write to "${printable(label)}": the channel is closed`, {
    cause,
  });
}
