/** Finds out about a local user what the policy has to know. */
import type { LocalUser } from "../../policy/caller.ts";
import { decidesOnUsers } from "../../policy/policy.ts";
import type { Policy } from "../../policy/policy.ts";
import type { CallerInfo } from "../../wire/message.ts";
import type { FindLocalUser } from "./local-identity.ts";

const ROOT = 0;

/**
 * Returns a function that returns the user of a connection, with its groups if the policy has rules about
 * users. It starts no program for root, and for a policy without such rules.
 */
export function createUserJudge(
  policy: () => Policy,
  find: FindLocalUser,
): (caller: CallerInfo | undefined) => LocalUser | Promise<LocalUser> {
  return ({ uid, name } = {}) => {
    const isAsked = policy().kind === "rules" && decidesOnUsers(policy()) && uid !== ROOT;
    return isAsked ? find({ uid, name }) : { uid, name };
  };
}
