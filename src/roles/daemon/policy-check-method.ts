/** The method `check-policy` of the control socket: how the running daemon decides a call. */
import * as v from "valibot";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import type { Caller } from "../../policy/caller.ts";
import type { PolicyRequest } from "../../policy/rule-match.ts";
import type { CallVerdict } from "./call-check.ts";
import { findNamedUser } from "./local-identity.ts";

/** The verdict of a daemon. `stale` says how its policy differs from the file; null if it does not. */
export type DaemonVerdict = CallVerdict & { stale: string | null };

/** Checks the answer to `check-policy`. */
export const VerdictSchema = v.object({
  steps: v.array(v.string()),
  isAllowed: v.boolean(),
  problems: v.array(v.string()),
  warnings: v.optional(v.array(v.string()), []),
  stale: v.nullable(v.string()),
});

/**
 * The parameters: `guest` is the caller at a host. A guest has one caller, the host. With `user`, the caller
 * is that local user, and `guest` is called.
 */
export const CheckParams = v.object({
  user: v.exactOptional(v.string()),
  guest: v.exactOptional(v.string()),
  command: v.string(),
  args: v.array(v.string()),
});

/** Parameters of the method. */
export type CheckParams = v.InferOutput<typeof CheckParams>;

const CHECKS_OF_USER = 4;

/** Returns the method, which gives what `check` resolves with. */
export function createPolicyCheck(check: (request: PolicyRequest) => Promise<DaemonVerdict>): Method {
  return defineMethod({
    name: "check-policy",
    isOpen: true,
    own: "question",
    // Each check starts programs that ask the system about the user, and starts are the daemon's own work.
    limits: { concurrency: CHECKS_OF_USER },
    params: CheckParams,
    run: async (params) => ({ result: await check(await toRequest(params)) }),
  });
}

/** Returns the call that the parameters describe. Rejects with `BAD_CONFIG` for an unknown local user. */
export async function toRequest({ user, guest, command, args }: CheckParams): Promise<PolicyRequest> {
  const call = { method: "execute", resource: { kind: "command", name: command, args } } as const;
  if (user !== undefined) {
    const caller: Caller = { via: "local", ...(await findNamedUser(user)) };
    return { ...call, caller, target: { guest } };
  }
  return { ...call, caller: guest === undefined ? { via: "host" } : { via: "guest", name: guest } };
}
