/** The port of the guest agent, as `status` shows it. */
import * as v from "valibot";
import { printable } from "../../printable.ts";

/**
 * Checks its members.
 * - `device`: the open device; null while the port is not open. `lastError`: why it is not.
 * - `hasClient`: a client has sent something, and has not left since.
 * - `answered`: the number of commands that were answered since the daemon started.
 * - `leftTo`: the program or service of another agent for which `guest.qga = "auto"` leaves the port; null if
 *   there is none. Daemons before 0.2.0 do not say it.
 * - `frozenSince`: since when file systems are frozen, in ISO 8601; null if none are.
 */
export const AgentStatusSchema = v.object({
  device: v.nullable(v.string()),
  hasClient: v.boolean(),
  answered: v.number(),
  frozenSince: v.nullable(v.string()),
  leftTo: v.optional(v.nullable(v.string()), null),
  lastError: v.nullable(v.string()),
});

/** The status of the port. */
export type AgentStatus = v.InferOutput<typeof AgentStatusSchema>;

/** Returns the line for people. */
export function formatAgentStatus(status: AgentStatus): string {
  const { device, hasClient, answered, leftTo, frozenSince, lastError } = status;
  const closed = leftTo === null ? "the port is not open" : `the port is left to ${printable(leftTo)}`;
  const parts = [
    device === null ? closed : `open at ${printable(device)}`,
    device === null ? [] : [hasClient ? "a client is connected" : "no client"],
    `${answered} commands answered`,
    frozenSince === null ? [] : [`file systems are frozen since ${frozenSince}`],
    lastError === null ? [] : [`last error: ${lastError.split("\n").map(printable).join("\n  ")}`],
  ];
  return `qga: ${parts.flat().join(", ")}`;
}
