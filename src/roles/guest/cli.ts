/** The guest's command line. */
import { runRole } from "../cli/run-role.ts";
import { executeThrough, listThrough } from "../cli/execute-through.ts";
import { GUEST_LEGACY_OPTIONS } from "../cli/option-form.ts";
import { CHECK_POLICY_NOTES, EXECUTE_NOTES } from "../cli/notes.ts";
import {
  CONTROL_OPTION,
  DIRECT_OPTION,
  JSON_OPTION,
  NO_STDIN_OPTION,
  TIMEOUT_OPTION,
} from "../cli/options.ts";
import { createPrintConfig } from "../cli/print-config.ts";
import type { Outcome, Subcommand } from "../cli/subcommand.ts";

/** Runs `negotiator guest …`; `words` is what stands behind the role. */
export function runGuest(words: readonly string[]): Promise<Outcome> {
  return runRole(
    {
      role: "guest",
      summary: "Run commands on the host from its guest, and serve the host's calls.",
      legacyOptions: GUEST_LEGACY_OPTIONS,
      subcommands: {
        "list-commands": listCommands,
        execute,
        daemon,
        status,
        "check-policy": checkPolicy,
        "print-config": createPrintConfig("guest"),
      },
    },
    words,
  );
}

const DEVICE_OPTION = {
  "character-device": {
    type: "string",
    alias: "c",
    valueHint: "path",
    description: "A device, pty or unix socket instead of the port found by its name",
  },
} as const;

const listCommands: Subcommand = {
  summary: "Show the commands that the host offers to this guest.",
  args: { ...JSON_OPTION, ...TIMEOUT_OPTION, ...CONTROL_OPTION, ...DIRECT_OPTION, ...DEVICE_OPTION },
  notes: "With --json each line is { name, kind, description, timeoutSeconds, stdin }.",
  examples: ["negotiator guest list-commands"],
  async run(invocation) {
    const { connectHost } = await import("./connect.ts");
    const timeoutMs = invocation.config.settings.timeoutSeconds * 1000;
    return listThrough((left) => connectHost(invocation, left), {
      timeoutMs,
      isJson: invocation.words.options.has("json"),
    });
  },
};

const execute: Subcommand = {
  summary: "Run a command on the host; its output and exit code become ours.",
  args: {
    command: { type: "positional", description: "Name of a command that the host offers" },
    ...NO_STDIN_OPTION,
    ...TIMEOUT_OPTION,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...DEVICE_OPTION,
  },
  notes: EXECUTE_NOTES,
  hasForeignExit: true,
  cutAfter: 1,
  examples: [
    "negotiator guest execute find-distribution-release",
    "negotiator guest execute -t 0 store-backup < dump",
  ],
  async run(invocation) {
    const { connectHost } = await import("./connect.ts");
    const [command = "", ...args] = invocation.words.positionals;
    const sendsInput = !invocation.words.options.has("no-stdin");
    const timeoutMs = invocation.config.settings.timeoutSeconds * 1000;
    return executeThrough((left) => connectHost(invocation, left), { command, args, timeoutMs, sendsInput });
  },
};

const daemon: Subcommand = {
  summary: "Hold the port and serve the host's calls; stays in the foreground.",
  args: { ...CONTROL_OPTION, ...DEVICE_OPTION },
  notes:
    "SIGHUP reads the configuration and the policy again (limits and the control socket stay); SIGTERM and SIGINT end it when its calls have ended.",
  examples: ["negotiator guest daemon", "negotiator guest daemon --character-device /dev/vport1p1"],
  run: async (invocation) => (await import("./daemon.ts")).runGuestDaemon(invocation),
};

const status: Subcommand = {
  summary: "Show how the daemon gets on with the host.",
  args: { ...JSON_OPTION, ...CONTROL_OPTION },
  notes:
    "With --json one object: { state, dialect, version, since, calls, lastError }. state is open, waiting (the host " +
    "has not said hello yet), unresponsive (it did, and is silent now) or legacy.",
  examples: ["negotiator guest status", "negotiator guest status --json"],
  run: async (invocation) => (await import("./status.ts")).showStatus(invocation),
};

const checkPolicy: Subcommand = {
  summary: "Tell whether the host may run a command in this guest, and which rule says so.",
  args: { command: { type: "positional", description: "Name of a command of this guest" } },
  notes: CHECK_POLICY_NOTES,
  cutAfter: 1,
  examples: ["negotiator guest check-policy restart-service nginx"],
  async run(invocation) {
    const { checkPolicy: check } = await import("../cli/check-policy.ts");
    const [command, ...args] = invocation.words.positionals;
    return check(invocation, { peer: {}, method: "execute", command, args });
  },
};
