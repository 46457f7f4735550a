/** Two accounts of one failure: a short one for the caller at the other end, and the whole one, which stays on this machine. */
import { NegotiatorError } from "../errors.ts";

/**
 * Why something here cannot be used. `reason` goes to the other side and has no paths, users or remedies in it; `error`
 * has them all, for our own log.
 */
export type Flaw = { reason: string; error: NegotiatorError };

/** What the caller is told of a command that is there and cannot be run; the whole account is its cause, which never leaves. */
export function refusal(name: string, { reason, error }: Flaw): NegotiatorError {
  return new NegotiatorError(error.code, `Cannot run "${name}": ${reason}`, { cause: error });
}

/** `whole` is there where the caller is told less than is known here. */
export type Disclosure = { told: NegotiatorError; whole?: NegotiatorError };

/**
 * What a caller at the other end is told of what was thrown. An error with one of ours as its cause is the short account
 * of that one; what is not ours may say anything, a path for example, so only that it happened is told. `action` names
 * what was asked for, such as `run "uptime"`.
 */
export function disclose(thrown: unknown, action: string, role: "host" | "guest"): Disclosure {
  const remedy = `The log of the ${role}'s daemon says more`;
  if (!(thrown instanceof NegotiatorError)) {
    const told = new NegotiatorError("INTERNAL", `Cannot ${action}: something failed that should not`, {
      remedy,
    });
    return { told, whole: NegotiatorError.from(thrown) };
  }
  const { code, message, cause } = thrown;
  if (!(cause instanceof NegotiatorError)) return { told: thrown };
  return { told: new NegotiatorError(code, message, { remedy }), whole: cause };
}
