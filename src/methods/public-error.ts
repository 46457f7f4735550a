/**
 * Public errors for peers: their messages have no paths and users. The cause of a public error is the full
 * error, which stays on this machine: the log and the audit get it.
 */
import { NegotiatorError } from "../errors.ts";

/**
 * Returns a public error for a command that exists and cannot be run. `reason` is public; `full` is the full
 * error.
 */
export function cannotRun(name: string, reason: string, full: NegotiatorError): NegotiatorError {
  return new NegotiatorError(full.code, `Cannot run "${name}": ${reason}`, { cause: full });
}

/** Returns the full error of a public one, and any other error as it is. */
export function fullErrorOf(error: NegotiatorError): NegotiatorError {
  return error.cause instanceof NegotiatorError ? error.cause : error;
}

/**
 * Returns the error that a peer gets for what was thrown. An error of ours without a full error is public
 * already. The message of an unknown error could contain a path, so the peer learns only that `action`, such
 * as `run "uptime"`, failed.
 */
export function toPublicError(thrown: unknown, action: string, role: "host" | "guest"): NegotiatorError {
  const place = role === "guest" ? "in the guest" : "on the host";
  const remedy = `Read the log ${place}, at the daemon's terminal or with: journalctl -u negotiator-${role}`;
  if (!(thrown instanceof NegotiatorError)) {
    const full = NegotiatorError.from(thrown);
    const message = `Cannot ${action}: something failed that should not`;
    return new NegotiatorError("INTERNAL", message, { remedy, cause: full });
  }
  const { code, message, cause } = thrown;
  return cause instanceof NegotiatorError ? new NegotiatorError(code, message, { remedy, cause }) : thrown;
}
