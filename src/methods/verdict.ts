/** The decision on a call, as the audit writes it. */
import type { AuditEntry } from "../audit/audit-line.ts";
import type { NegotiatorError } from "../errors.ts";

/**
 * Returns the decision on a call that ended with `failure`, or with a result if that is undefined. A call
 * that another policy denied, on its way or at its target, counts as denied too. The reason has no remedy.
 */
export function verdictOf(
  failure: NegotiatorError | undefined,
): Pick<AuditEntry, "decision" | "reason" | "errorCode"> {
  if (failure === undefined) return { decision: "allowed" };
  const { code, message } = failure;
  return code === "DENIED"
    ? { decision: "denied", reason: message.replace(/\n[^]*/, ""), errorCode: code }
    : { decision: "allowed", errorCode: code };
}
