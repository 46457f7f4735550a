/** The port of the guest agent, as `status` shows it. */
import * as v from "valibot";
import { printable } from "../../printable.ts";

/**
 * Checks its members.
 * - `device`: the open device; null while the port is not open. `lastError`: why it is not.
 * - `hasClient`: a client has sent something, and has not left since.
 * - `answered`: the number of commands that were answered since the daemon started.
 * - `frozenSince`: since when file systems are frozen, in ISO 8601; null if none are.
 */
export const AgentStatusSchema = v.object({
  device: v.nullable(v.string()),
  hasClient: v.boolean(),
  answered: v.number(),
  frozenSince: v.nullable(v.string()),
  lastError: v.nullable(v.string()),
});

/** The status of the port. */
export type AgentStatus = v.InferOutput<typeof AgentStatusSchema>;

/** Returns the line for people. */
export function formatAgentStatus(status: AgentStatus): string {
  const { device, hasClient, answered, frozenSince, lastError } = status;
  const parts = [
    device === null ? "the port is not open" : `open at ${printable(device)}`,
    device === null ? [] : [hasClient ? "a client is connected" : "no client"],
    `${answered} commands answered`,
    frozenSince === null ? [] : [`file systems are frozen since ${frozenSince}`],
    lastError === null ? [] : [`last error: ${lastError.split("\n").map(printable).join("\n  ")}`],
  ];
  return `qga: ${parts.flat().join(", ")}`;
}
