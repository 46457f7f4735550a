/** Turns the errors of a QEMU guest agent into ours. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { shorten } from "../../shorten.ts";

const AgentErrorSchema = v.object({ class: v.string(), desc: v.string() });

const REASON_LENGTH = 300;

/**
 * Returns the error of a request that the agent has refused. `UNSUPPORTED`: the agent does not know the
 * command, or its configuration blocks it. `BUSY`: file systems are frozen. `INTERNAL`: all others.
 */
export function readAgentError(command: string, value: unknown): NegotiatorError {
  const parsed = v.safeParse(AgentErrorSchema, value);
  if (!parsed.success) return refused("INTERNAL", command, "it does not say why");
  const { class: kind, desc } = parsed.output;
  const reason = printable(shorten(desc, REASON_LENGTH));
  if (/frozen/.test(desc))
    return refused("BUSY", command, reason, "Thaw its file systems first: virsh domfsthaw");
  if (kind !== "CommandNotFound") return refused("INTERNAL", command, reason);
  return refused("UNSUPPORTED", command, reason, ALLOW);
}

/** The places where distributions keep the list: RHEL's unit reads the first, others the second. */
const ALLOW =
  "Allow it in the guest: take it off the block list, or add it to the allow list, in " +
  "/etc/sysconfig/qemu-ga or /etc/qemu/qemu-ga.conf, then: systemctl restart qemu-guest-agent";

function refused(
  code: "INTERNAL" | "UNSUPPORTED" | "BUSY",
  command: string,
  reason: string,
  remedy?: string,
): NegotiatorError {
  const message = `The QEMU guest agent refuses ${command}: ${reason}`;
  return new NegotiatorError(code, message, remedy === undefined ? {} : { remedy });
}
