/** Lets only root and the daemon's own user change the daemon over its control socket. */
import { NegotiatorError } from "../../errors.ts";
import { ourUid } from "../../trust/ownership.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";

/** The change that is asked for: the daemon's role, the subcommand, and the verb of a message about it. */
export type OwnersChange = { role: "host" | "guest"; subcommand: string; verb: string };

/** Throws `DENIED` for the call of another user. */
export function refuseOtherUsers({ caller }: Pick<IncomingCall, "caller">, change: OwnersChange): void {
  const { role, subcommand, verb } = change;
  const uid = caller?.uid;
  if (uid === 0 || uid === ourUid()) return;
  const message = `The ${role}'s daemon ${verb} only for root, not for user ${uid}`;
  throw new NegotiatorError("DENIED", message, {
    remedy: `Run as root: sudo negotiator ${role} ${subcommand}`,
  });
}
