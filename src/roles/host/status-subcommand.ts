/** Defines the subcommand `status` of a host. */
import { checkExitCode, CHECK_NOTES, STATUS_NOTES, STATUS_OPTIONS } from "../cli/status-options.ts";
import { defineSubcommand } from "../cli/subcommand.ts";

/** The subcommand `status` of a host. */
export const STATUS = defineSubcommand({
  summary: "Show what the daemon knows of its guests, or of one.",
  args: {
    guest: { type: "positional", required: false, description: "Name of a guest" },
    ...STATUS_OPTIONS,
  },
  notes:
    "state is open, waiting (no agent has answered yet), unresponsive (it answered before, and is silent " +
    "now), legacy (a python-negotiator), legacy-0.1 (its release 0.1 or 0.2), qga (only the QEMU " +
    "guest agent), paused (by virsh suspend), " +
    `saved (in a file, until it is restored), or shut off. ${STATUS_NOTES} ${CHECK_NOTES}`,
  errorExit: checkExitCode,
  examples: [
    "negotiator host status",
    "negotiator host status --watch",
    "negotiator host status web1 --json",
    "negotiator host status --check",
  ],
  run: async (invocation) => (await import("./show-status.ts")).showStatus(invocation),
});
