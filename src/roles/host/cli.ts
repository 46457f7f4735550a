/** The host's command line. */
import { runRole } from "../cli/run-role.ts";
import { executeThrough, listThrough } from "../cli/execute-through.ts";
import { HOST_LEGACY_OPTIONS } from "../cli/option-form.ts";
import {
  CONTROL_OPTION,
  DIRECT_OPTION,
  JSON_OPTION,
  NO_STDIN_OPTION,
  TIMEOUT_OPTION,
} from "../cli/options.ts";
import { createPrintConfig } from "../cli/print-config.ts";
import { CHECK_POLICY_NOTES, EXECUTE_NOTES } from "../cli/notes.ts";
import type { Outcome, Subcommand } from "../cli/subcommand.ts";

/** Runs `negotiator host …`; `words` is what stands behind the role. */
export function runHost(words: readonly string[]): Promise<Outcome> {
  return runRole(
    {
      role: "host",
      summary: "Run commands in guests from their hypervisor, and serve the guests' calls.",
      legacyOptions: HOST_LEGACY_OPTIONS,
      subcommands: {
        "list-guests": listGuests,
        "list-commands": listCommands,
        execute,
        daemon,
        status,
        "check-policy": checkPolicy,
        "print-config": createPrintConfig("host"),
      },
    },
    words,
  );
}

const GUEST = { guest: { type: "positional", description: "Name of a running guest" } } as const;
const WHERE = {
  connect: { type: "string", valueHint: "uri", description: "The libvirt to ask, such as qemu:///system" },
  socket: {
    type: "string",
    valueHint: "guest=path",
    description: "A guest's host-to-guest socket, or GUEST:PORT=PATH; repeatable, asks no libvirt",
  },
} as const;

const listGuests: Subcommand = {
  summary: "Show the running guests that have a negotiator channel.",
  args: { ...JSON_OPTION, ...CONTROL_OPTION, ...DIRECT_OPTION, ...WHERE },
  notes:
    "With --json each line is { name, uuid, state, dialect }; state and dialect are known to the daemon only.",
  examples: ["negotiator host list-guests", "negotiator host list-guests --connect qemu+ssh://kvm2/system"],
  run: async (invocation) => (await import("./list-guests.ts")).listGuests(invocation),
};

const listCommands: Subcommand = {
  summary: "Show the commands that a guest offers.",
  args: { ...GUEST, ...JSON_OPTION, ...TIMEOUT_OPTION, ...CONTROL_OPTION, ...DIRECT_OPTION, ...WHERE },
  notes: "With --json each line is { name, kind, description, timeoutSeconds, stdin }.",
  examples: ["negotiator host list-commands web1"],
  async run(invocation) {
    const { connectGuest } = await import("./connect.ts");
    const { words, config } = invocation;
    const [guest = ""] = words.positionals;
    return listThrough((left) => connectGuest(guest, invocation, left), {
      timeoutMs: config.settings.timeoutSeconds * 1000,
      isJson: words.options.has("json"),
    });
  },
};

const execute: Subcommand = {
  summary: "Run a command in a guest; its output and exit code become ours.",
  args: {
    ...GUEST,
    command: { type: "positional", description: "Name of a command that the guest offers" },
    ...NO_STDIN_OPTION,
    ...TIMEOUT_OPTION,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...WHERE,
  },
  notes: EXECUTE_NOTES,
  hasForeignExit: true,
  cutAfter: 2,
  examples: [
    "negotiator host execute web1 find-ip-addresses",
    "negotiator host execute -t 60 web1 restore --verbose < backup.sql",
  ],
  async run(invocation) {
    const { connectGuest } = await import("./connect.ts");
    const [guest = "", command = "", ...args] = invocation.words.positionals;
    const sendsInput = !invocation.words.options.has("no-stdin");
    const timeoutMs = invocation.config.settings.timeoutSeconds * 1000;
    return executeThrough((left) => connectGuest(guest, invocation, left), {
      command,
      args,
      timeoutMs,
      sendsInput,
    });
  },
};

const daemon: Subcommand = {
  summary: "Hold the channels of all guests, and serve their calls; stays in the foreground.",
  args: { ...CONTROL_OPTION, ...WHERE },
  notes:
    "SIGHUP reads the configuration and the policy again (limits and the control socket stay); SIGTERM and SIGINT end it when its calls have ended.",
  examples: ["negotiator host daemon", "negotiator host daemon --socket lab=/run/lab/host-to-guest.sock"],
  run: async (invocation) => (await import("./daemon.ts")).runHostDaemon(invocation),
};

const status: Subcommand = {
  summary: "Show what the daemon knows of its guests, or of one.",
  args: {
    guest: { type: "positional", required: false, description: "Name of a guest" },
    ...JSON_OPTION,
    ...CONTROL_OPTION,
  },
  notes:
    "With --json each line is { name, uuid, state, dialect, version, since, calls, lastError }. state is open, " +
    "waiting (no agent has answered yet), unresponsive (it did, and is silent now), legacy, " +
    "or saved (it lies in a file until it is restored).",
  examples: ["negotiator host status", "negotiator host status web1 --json"],
  run: async (invocation) => (await import("./show-status.ts")).showStatus(invocation),
};

const checkPolicy: Subcommand = {
  summary: "Tell whether a guest may run a command on this host, and which rule says so.",
  args: { ...GUEST, command: { type: "positional", description: "Name of a command of this host" } },
  notes: CHECK_POLICY_NOTES,
  cutAfter: 2,
  examples: ["negotiator host check-policy web1 restart-service nginx"],
  async run(invocation) {
    const { checkPolicy: check } = await import("../cli/check-policy.ts");
    const [guest, command, ...args] = invocation.words.positionals;
    return check(invocation, { peer: { guest }, method: "execute", command, args });
  },
};
