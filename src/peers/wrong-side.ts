/** Notices an agent of our own role at the other end: ports or sockets were mixed up. */
import { NegotiatorError } from "../errors.ts";
import type { Session } from "../wire/session/session.ts";
import { otherRole } from "./dialect-table.ts";
import type { Role } from "./dialect.ts";

/** Throws `BAD_REQUEST` when the peer has our own role, as it says itself. */
export function expectOtherRole({ peer }: Pick<Session, "peer">, role: Role): void {
  if (peer?.role !== role) return;
  const other = otherRole(role);
  throw new NegotiatorError("BAD_REQUEST", `The agent at the other end is a ${role}'s, not a ${other}'s`, {
    remedy: `Check the ports and sockets: at the other end "negotiator ${other} daemon" must hold this one`,
  });
}
