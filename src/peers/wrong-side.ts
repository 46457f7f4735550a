/** Detects an agent of our own role at the other end, which shows that ports or sockets were mixed up. */
import { NegotiatorError } from "../errors.ts";
import type { Session } from "../wire/session/session.ts";
import { otherRole } from "./dialect-table.ts";
import type { Role } from "./dialect.ts";

/** Throws `BAD_REQUEST` if the peer's hello has our own role. */
export function expectOtherRole({ peer }: Pick<Session, "peer">, role: Role): void {
  if (peer?.role !== role) return;
  const other = otherRole(role);
  throw new NegotiatorError("BAD_REQUEST", `The agent at the other end is a ${role}'s, not a ${other}'s`, {
    remedy: `Check the ports and sockets. At the other end, run: negotiator ${other} daemon`,
  });
}
