/** Defines the subcommand `audit`. */
import { JSON_OPTION } from "./options.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** A host has calls with many guests. */
const GUEST_OPTION = {
  guest: {
    type: "string",
    valueHint: "guest",
    description: "Only calls with guests of this name or pattern",
  },
} as const;

/** The subcommand of a role. */
export function createAuditCommand(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Show the recorded calls, one line each, oldest first.",
    args: {
      follow: {
        type: "boolean",
        alias: "f",
        description: "Go on with the calls that come; without --since after the last ten",
      },
      since: {
        type: "string",
        valueHint: "when",
        description: "Only calls since then: 10m, 2h, 1d, a day such as 2026-11-30, or an ISO time",
      },
      ...(role === "host" ? GUEST_OPTION : {}),
      user: {
        type: "string",
        valueHint: "user",
        description: "Only calls of this local user, by name or uid",
      },
      denied: { type: "boolean", description: "Only calls that a policy or a limit has refused" },
      ...JSON_OPTION,
    },
    notes:
      "in: the other side called; out: a local user called; local: a question to the daemon itself. A call " +
      "that has an end is shown once, at its end; with --follow also when it starts. With --json each line " +
      "is one of the audit, as docs/AUDIT.md and negotiator-audit(5) describe it, and starts are lines too.",
    examples: [`negotiator ${role} audit --since 1h`, `negotiator ${role} audit --follow --denied`],
    run: async (invocation) => (await import("./show-audit.ts")).showAudit(role, invocation),
  });
}
