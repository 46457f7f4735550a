/** The host's command line. */
import type { DialectTable } from "../../peers/dialect-table.ts";
import { callLimits, LIST_SECONDS } from "../cli/call-limits.ts";
import { CHECK_POLICY_NOTES, DAEMON_NOTES, LIST_COMMANDS_NOTES } from "../cli/notes.ts";
import { HOST_FORM } from "../cli/option-form.ts";
import {
  CONNECT_OPTION,
  CONTROL_OPTION,
  DIRECT_OPTION,
  FINDER_OPTIONS,
  JSON_OPTION,
  LIST_TIMEOUT_OPTIONS,
  LONG_OPTION,
  USER_OPTION,
} from "../cli/options.ts";
import { createAuditCommand } from "../cli/audit-subcommand.ts";
import { createPolicyCommand } from "../cli/policy-subcommand.ts";
import { createCheckCommands } from "../cli/check-commands.ts";
import { createCheckConfig } from "../cli/check-config.ts";
import { createDetachedCommands } from "../cli/detached-subcommands.ts";
import { createInstallCommand } from "../cli/install.ts";
import { createPrintConfig } from "../cli/print-config.ts";
import { createReexecCommand } from "../cli/reexec.ts";
import { createReloadCommand } from "../cli/reload.ts";
import { runRole } from "../cli/run-role.ts";
import { defineSubcommand } from "../cli/subcommand.ts";
import { EXECUTE } from "./execute-subcommand.ts";
import { GUEST_SUBCOMMANDS } from "./guest-subcommands.ts";
import { STATUS } from "./status-subcommand.ts";
import type { Invocation, Outcome, RoleDefinition } from "../cli/subcommand.ts";
import { createDoctor } from "../doctor/doctor-subcommand.ts";
import { ADD_CHANNEL, REMOVE_CHANNEL } from "./channels/channel-subcommands.ts";

const GUEST = { guest: { type: "positional", description: "Name of a running guest" } } as const;

const listGuests = defineSubcommand({
  summary: "Show the running guests that have a negotiator channel.",
  args: {
    all: {
      type: "boolean",
      description: "Also show guests that have only the QEMU guest agent (dialect qga)",
    },
    ...JSON_OPTION,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...FINDER_OPTIONS,
  },
  notes: "With --json each line is { name, uuid, state, dialect }; only the daemon knows the state.",
  examples: ["negotiator host list-guests", "negotiator host list-guests --connect qemu+ssh://kvm2/system"],
  run: async (invocation) => (await import("./list-guests.ts")).listGuests(invocation),
});

const listCommands = defineSubcommand({
  summary: "Show the commands that a guest offers.",
  args: {
    ...GUEST,
    ...LONG_OPTION,
    ...JSON_OPTION,
    ...LIST_TIMEOUT_OPTIONS,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...FINDER_OPTIONS,
  },
  notes: LIST_COMMANDS_NOTES,
  examples: ["negotiator host list-commands web1", "negotiator host list-commands --long web1"],
  async run(invocation) {
    const { connectGuest } = await import("./connect.ts");
    const { listThrough } = await import("../cli/execute-through.ts");
    const { words, config } = invocation;
    const [guest = ""] = words.positionals;
    return listThrough((reach) => connectGuest(guest, invocation, reach), {
      ...callLimits(words, config.settings, LIST_SECONDS),
      isJson: words.options.has("json"),
      hasDescriptions: words.options.has("long"),
      from: "guest",
      askWaiting: async () =>
        (await import("./waiting-for.ts")).askGuestWaiting(config.settings.host.control, guest),
    });
  },
});

const daemon = defineSubcommand({
  summary: "Hold the channels of all guests, and serve their calls; stays in the foreground.",
  args: { ...CONTROL_OPTION, ...FINDER_OPTIONS },
  notes: DAEMON_NOTES,
  examples: ["negotiator host daemon", "negotiator host daemon --socket lab=/run/lab/host-to-guest.sock"],
  run: async (invocation) => (await import("./daemon.ts")).runHostDaemon(invocation),
});

const checkPolicy = defineSubcommand({
  summary: "Show whether a guest may run a command on this host, and which rule decides.",
  args: {
    ...GUEST,
    command: { type: "positional", description: "Name of a command of this host" },
    ...USER_OPTION,
    ...CONTROL_OPTION,
  },
  notes: CHECK_POLICY_NOTES,
  restAfter: 2,
  examples: [
    "negotiator host check-policy web1 restart-service nginx",
    "negotiator host check-policy --user alice web1 restart-service nginx",
  ],
  async run(invocation) {
    const { checkPolicy: check } = await import("../cli/check-policy.ts");
    const [guest = "", command = "", ...args] = invocation.words.positionals;
    const [user] = invocation.words.options.get("user") ?? [];
    return check("host", invocation, { ...(user === undefined ? {} : { user }), guest, command, args });
  },
});

/** The command tree of a host. */
export const HOST: RoleDefinition = {
  role: "host",
  summary: "Run commands in guests from their hypervisor, and serve the guests' calls.",
  optionForm: HOST_FORM,
  subCommands: {
    "list-guests": listGuests,
    "list-commands": listCommands,
    execute: EXECUTE,
    daemon,
    status: STATUS,
    ...createDetachedCommands("host"),
    ...GUEST_SUBCOMMANDS,
    audit: createAuditCommand("host"),
    policy: createPolicyCommand("host"),
    "check-policy": checkPolicy,
    "check-commands": createCheckCommands("host"),
    "check-config": createCheckConfig("host", async (invocation) =>
      (await import("./judge-guests.ts")).judgeGuests(invocation),
    ),
    reload: createReloadCommand("host"),
    reexec: createReexecCommand("host"),
    doctor: createDoctor({
      summary: "Look for what keeps this host or one guest from working, and say what helps.",
      args: {
        guest: { type: "positional", required: false, description: "Look only at this guest" },
        ...CONNECT_OPTION,
      },
      examples: ["negotiator host doctor", "negotiator host doctor web1", "negotiator host doctor --fix"],
      run: async (invocation) => (await import("./doctor/host-doctor.ts")).doctorOfHost(invocation),
    }),
    "add-channel": ADD_CHANNEL,
    "remove-channel": REMOVE_CHANNEL,
    "print-config": createPrintConfig("host"),
    install: createInstallCommand("host"),
  },
};

/**
 * Runs `negotiator host …`; `argv` is what stands after the role. Other `dialects` than the program's are
 * for tests. `manual` returns the program's pages and completions.
 */
export function runHost(
  argv: readonly string[],
  dialects?: DialectTable,
  manual?: Invocation["manual"],
): Promise<Outcome> {
  return runRole(HOST, argv, { dialects, manual });
}
