/** The guest's command line. */
import type { DialectTable } from "../../peers/dialect-table.ts";
import { callLimits, detachOption, LIST_SECONDS } from "../cli/call-limits.ts";
import { CHECK_POLICY_NOTES, DAEMON_NOTES, EXECUTE_NOTES, LIST_COMMANDS_NOTES } from "../cli/notes.ts";
import { GUEST_FORM } from "../cli/option-form.ts";
import {
  CONTROL_OPTION,
  DEVICE_OPTION,
  DIRECT_OPTION,
  EXECUTE_TIMEOUT_OPTIONS,
  JSON_OPTION,
  LIST_TIMEOUT_OPTIONS,
  LONG_OPTION,
  DETACH_OPTIONS,
  NO_STDIN_OPTION,
  QGA_OPTION,
  RAW_OPTION,
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
import { checkExitCode, CHECK_NOTES, STATUS_NOTES, STATUS_OPTIONS } from "../cli/status-options.ts";
import { defineSubcommand } from "../cli/subcommand.ts";
import type { Invocation, Outcome, RoleDefinition } from "../cli/subcommand.ts";
import { createDoctor } from "../doctor/doctor-subcommand.ts";

const askHost = (control: string) => async (): Promise<string | undefined> =>
  (await import("./waiting-for.ts")).askHostWaiting(control);

const listCommands = defineSubcommand({
  summary: "Show the commands that the host offers to this guest.",
  args: {
    ...LONG_OPTION,
    ...JSON_OPTION,
    ...LIST_TIMEOUT_OPTIONS,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...DEVICE_OPTION,
  },
  notes: LIST_COMMANDS_NOTES,
  examples: ["negotiator guest list-commands", "negotiator guest list-commands --long"],
  async run(invocation) {
    const { connectHost } = await import("./connect.ts");
    const { listThrough } = await import("../cli/execute-through.ts");
    const { words, config } = invocation;
    return listThrough((reach) => connectHost(invocation, reach), {
      ...callLimits(words, config.settings, LIST_SECONDS),
      isJson: words.options.has("json"),
      hasDescriptions: words.options.has("long"),
      from: "host",
      askWaiting: askHost(config.settings.guest.control),
    });
  },
});

const execute = defineSubcommand({
  summary: "Run a command on the host; its output and exit code become ours.",
  args: {
    command: { type: "positional", description: "Name of a command that the host offers" },
    ...NO_STDIN_OPTION,
    ...RAW_OPTION,
    ...DETACH_OPTIONS,
    ...EXECUTE_TIMEOUT_OPTIONS,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...DEVICE_OPTION,
  },
  notes: EXECUTE_NOTES,
  hasForeignExit: true,
  restAfter: 1,
  examples: [
    "negotiator guest execute find-distribution-release",
    "negotiator guest execute -t 0 store-backup < dump",
  ],
  async run(invocation) {
    const { connectHost } = await import("./connect.ts");
    const { executeThrough } = await import("../cli/execute-through.ts");
    const { words, config } = invocation;
    const [command = "", ...args] = words.positionals;
    const sendsInput = !words.options.has("no-stdin");
    const isRaw = words.options.has("raw");
    const limits = callLimits(words, config.settings);
    const askWaiting = askHost(config.settings.guest.control);
    const line = { command, args, limits, sendsInput, isRaw, askWaiting, ...detachOption(words) };
    if (words.options.has("detach-on-hangup")) {
      const { executeUntilHangup } = await import("../cli/execute-until-hangup.ts");
      return executeUntilHangup({ ...line, role: "guest", control: config.settings.guest.control });
    }
    return executeThrough((reach) => connectHost(invocation, { ...reach, call: line }), line);
  },
});

const daemon = defineSubcommand({
  summary: "Hold the port and serve the host's calls; stays in the foreground.",
  args: { ...CONTROL_OPTION, ...DEVICE_OPTION, ...QGA_OPTION },
  notes: DAEMON_NOTES,
  examples: ["negotiator guest daemon", "negotiator guest daemon --character-device /dev/vport1p1"],
  run: async (invocation) => (await import("./daemon.ts")).runGuestDaemon(invocation),
});

const status = defineSubcommand({
  summary: "Show how the daemon's link to the host is doing.",
  args: STATUS_OPTIONS,
  notes:
    "state is open, waiting (no host daemon has connected yet), unresponsive (it did before, and is silent " +
    `now) or legacy. ${STATUS_NOTES} If guest.qga is on, a second line shows the port of the guest agent. ` +
    "With --json the member qga has { device, hasClient, answered, leftTo, frozenSince, lastError }, or is " +
    "null. hasClient: a client has sent something and has not left. answered: the number of commands. " +
    'leftTo: the other agent for which guest.qga = "auto" leaves the port, or null. ' +
    `frozenSince: since when file systems are frozen, or null. ${CHECK_NOTES}`,
  errorExit: checkExitCode,
  examples: [
    "negotiator guest status",
    "negotiator guest status --watch",
    "negotiator guest status --json",
    "negotiator guest status --check",
  ],
  run: async (invocation) => (await import("./status.ts")).showStatus(invocation),
});

const checkPolicy = defineSubcommand({
  summary: "Show whether the host may run a command in this guest, and which rule decides.",
  args: {
    command: { type: "positional", description: "Name of a command of this guest" },
    ...USER_OPTION,
    ...CONTROL_OPTION,
  },
  notes: CHECK_POLICY_NOTES,
  restAfter: 1,
  examples: [
    "negotiator guest check-policy restart-service nginx",
    "negotiator guest check-policy --user alice restart-service nginx",
  ],
  async run(invocation) {
    const { checkPolicy: check } = await import("../cli/check-policy.ts");
    const [command = "", ...args] = invocation.words.positionals;
    const [user] = invocation.words.options.get("user") ?? [];
    return check("guest", invocation, { ...(user === undefined ? {} : { user }), command, args });
  },
});

/** The command tree of a guest. */
export const GUEST: RoleDefinition = {
  role: "guest",
  summary: "Run commands on the host from its guest, and serve the host's calls.",
  optionForm: GUEST_FORM,
  subCommands: {
    "list-commands": listCommands,
    execute,
    daemon,
    status,
    ...createDetachedCommands("guest"),
    audit: createAuditCommand("guest"),
    policy: createPolicyCommand("guest"),
    "check-policy": checkPolicy,
    "check-commands": createCheckCommands("guest"),
    "check-config": createCheckConfig("guest", () => Promise.resolve([])),
    reload: createReloadCommand("guest"),
    reexec: createReexecCommand("guest"),
    doctor: createDoctor({
      summary: "Look for what keeps this guest from working, and say what helps.",
      args: {},
      examples: ["negotiator guest doctor", "negotiator guest doctor --fix"],
      run: async (invocation) => (await import("./doctor/guest-doctor.ts")).doctorOfGuest(invocation),
    }),
    "print-config": createPrintConfig("guest"),
    install: createInstallCommand("guest"),
  },
};

/**
 * Runs `negotiator guest …`; `argv` is what stands after the role. Other `dialects` than the program's are
 * for tests. `manual` returns the program's pages and completions.
 */
export function runGuest(
  argv: readonly string[],
  dialects?: DialectTable,
  manual?: Invocation["manual"],
): Promise<Outcome> {
  return runRole(GUEST, argv, { dialects, manual });
}
