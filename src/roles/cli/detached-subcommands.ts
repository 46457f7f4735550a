/** Defines the subcommands for detached calls. */
import { CONTROL_OPTION, JSON_OPTION, RAW_OPTION } from "./options.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

type Role = "host" | "guest";

const GUEST = {
  guest: { type: "positional", required: false, description: "Only calls with this guest" },
} as const;
const CALL = { call: { type: "positional", description: "Id of a detached call" } } as const;

/** The subcommands `calls`, `attach`, `wait`, `cancel` and `signal` of a role. */
export function createDetachedCommands(role: Role): Record<string, Subcommand> {
  const calls = defineSubcommand({
    summary: "Show your calls that run, and detached ones that are kept; root sees those of all users.",
    args: { ...(role === "host" ? GUEST : {}), ...JSON_OPTION, ...CONTROL_OPTION },
    notes:
      "out: a call of this machine; in: a detached call of the other side, which runs here (for root). " +
      "With --json each line is { id, direction, guest, caller, command, state, isDetached, startedMs, " +
      "finishedMs, exitCode, signal, endedBy }.",
    examples: [`negotiator ${role} calls`, `negotiator ${role} calls --json`],
    run: async (invocation) => (await import("./detached.ts")).showCalls(role, invocation),
  });
  const attach = defineSubcommand({
    summary: "Write the kept output of a detached call, and follow it; its exit code becomes ours.",
    args: {
      ...CALL,
      follow: { type: "boolean", alias: "f", description: "Only the output from now on" },
      ...RAW_OPTION,
      ...CONTROL_OPTION,
    },
    notes: "Ctrl-C ends the attach, and not the call. Any number of programs can attach to a call.",
    hasForeignExit: true,
    examples: [`negotiator ${role} attach zAxq0zDRwZ0e4Hq1M7RAAw`],
    run: async (invocation) => (await import("./detached.ts")).attachCall(role, invocation),
  });
  const wait = defineSubcommand({
    summary: "Wait for the end of detached calls.",
    args: { ...CALL, ...CONTROL_OPTION },
    notes:
      "Exit code: that of the command. With several calls 0 if all of them end with 0, else 1, and a line " +
      "for each says how it ended.",
    hasForeignExit: true,
    repeatsLast: true,
    examples: [`negotiator ${role} wait zAxq0zDRwZ0e4Hq1M7RAAw`],
    run: async (invocation) => (await import("./detached.ts")).waitForCalls(role, invocation),
  });
  const cancel = defineSubcommand({
    summary: "End the command of a detached call: SIGTERM, and SIGKILL five seconds later.",
    args: { ...CALL, ...CONTROL_OPTION },
    examples: [`negotiator ${role} cancel zAxq0zDRwZ0e4Hq1M7RAAw`],
    run: async (invocation) => (await import("./detached.ts")).cancelCall(role, invocation),
  });
  const signal = defineSubcommand({
    summary: "Send a signal to the command of a detached call.",
    args: {
      ...CALL,
      name: { type: "positional", description: "INT, TERM, HUP, QUIT, USR1 or USR2" },
      ...CONTROL_OPTION,
    },
    examples: [`negotiator ${role} signal zAxq0zDRwZ0e4Hq1M7RAAw USR1`],
    run: async (invocation) => (await import("./detached.ts")).signalCall(role, invocation),
  });
  return { calls, attach, wait, cancel, signal };
}
