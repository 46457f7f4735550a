/** Notices an agent of the same role at the other end: ports or sockets were mixed up. */
import { NegotiatorError } from "../errors.ts";
import type { Session } from "../wire/session/session.ts";

/** Throws `BAD_REQUEST` when the other side says that it plays our own role. */
export function expectOtherRole({ peer }: Pick<Session, "peer">, role: "host" | "guest"): void {
  if (peer?.role !== role) return;
  const other = role === "host" ? "guest" : "host";
  throw new NegotiatorError("BAD_REQUEST", `The agent at the other end is a ${role}'s, not a ${other}'s`, {
    remedy: `Look which port or socket is which: on the other end "negotiator ${other} daemon" has to hold it`,
  });
}
