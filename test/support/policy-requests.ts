/** Calls of a guest, and policies of one rule that decide on them. */
import { decide, parsePolicy } from "../../src/policy/policy.ts";
import type { PolicyRequest } from "../../src/policy/rule-match.ts";

/** The uuid of each calling guest. */
export const UUID = "2b7c3f5e-1d2a-4c3b-9e8f-0a1b2c3d4e5f";

/** A call of the guest `guest`. */
export function call(command: string, args: string[] = [], guest = "web1"): PolicyRequest {
  return {
    caller: { via: "guest", name: guest, uuid: UUID },
    method: "execute",
    resource: { kind: "command", name: command, args },
  };
}

/** Whether a policy of one allowing rule with this body allows the call. */
export function fits(body: string, request: PolicyRequest): boolean {
  return decide(parsePolicy(`[[rules]]\naction = "allow"\n${body}`), request).allowed;
}

/** Whether a denying rule with this body denies the call, in a policy that allows the rest. */
export function denies(body: string, request: PolicyRequest): boolean {
  const policy = parsePolicy(`[[rules]]\naction = "deny"\n${body}\n[[rules]]\naction = "allow"\n`);
  // No rule that allows peers allows local users, so a denial alone proves nothing.
  return decide(policy, request).rule === 1;
}
