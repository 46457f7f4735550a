/** Defines the subcommand `execute` of a host. */
import { callLimits, detachOption } from "../cli/call-limits.ts";
import { EXECUTE_NOTES } from "../cli/notes.ts";
import {
  CONTROL_OPTION,
  DETACH_OPTIONS,
  DIRECT_OPTION,
  EXECUTE_TIMEOUT_OPTIONS,
  FINDER_OPTIONS,
  NO_STDIN_OPTION,
  RAW_OPTION,
} from "../cli/options.ts";
import { defineSubcommand } from "../cli/subcommand.ts";
import { CHOOSING, FAN_OUT_NOTES, FAN_OUT_OPTIONS, readFanOut } from "./fan-out/choice.ts";

/** The subcommand `execute` of a host. */
export const EXECUTE = defineSubcommand({
  summary: "Run a command in a guest, or in several; its output and exit code become ours.",
  args: {
    guest: { type: "positional", description: "Name of a running guest" },
    command: { type: "positional", description: "Name of a command that the guest offers" },
    ...FAN_OUT_OPTIONS,
    ...NO_STDIN_OPTION,
    ...RAW_OPTION,
    ...DETACH_OPTIONS,
    ...EXECUTE_TIMEOUT_OPTIONS,
    ...CONTROL_OPTION,
    ...DIRECT_OPTION,
    ...FINDER_OPTIONS,
  },
  notes: `${EXECUTE_NOTES}\n\n${FAN_OUT_NOTES}`,
  hasForeignExit: true,
  restAfter: 2,
  omitsFirst: CHOOSING,
  examples: [
    "negotiator host execute web1 find-ip-addresses",
    "negotiator host execute -t 60 web1 restore --verbose < backup.sql",
    "negotiator host execute --all find-disk-usage",
    "negotiator host execute --guests 'db*' --parallel 4 --fail-fast upgrade",
  ],
  async run(invocation) {
    const { connectGuest } = await import("./connect.ts");
    const { executeThrough } = await import("../cli/execute-through.ts");
    const { words, config } = invocation;
    const choice = readFanOut(words);
    if (choice !== undefined) {
      const { executeOnGuests } = await import("./fan-out/fan-out.ts");
      const [command = "", ...args] = words.positionals;
      return executeOnGuests({
        control: config.settings.host.control,
        choice,
        command,
        args,
        limits: callLimits(words, config.settings),
        isPatient: words.options.has("connect-timeout"),
        sendsInput: !words.options.has("no-stdin"),
        isRaw: words.options.has("raw"),
        isQuiet: words.options.has("quiet"),
      });
    }
    const [guest = "", command = "", ...args] = words.positionals;
    const sendsInput = !words.options.has("no-stdin");
    const isRaw = words.options.has("raw");
    const limits = callLimits(words, config.settings);
    const askWaiting = async (): Promise<string | undefined> =>
      (await import("./waiting-for.ts")).askGuestWaiting(config.settings.host.control, guest);
    const line = { command, args, limits, sendsInput, isRaw, askWaiting, ...detachOption(words) };
    if (words.options.has("detach-on-hangup")) {
      const { executeUntilHangup } = await import("../cli/execute-until-hangup.ts");
      return executeUntilHangup({ ...line, role: "host", guest, control: config.settings.host.control });
    }
    return executeThrough((reach) => connectGuest(guest, invocation, { ...reach, call: line }), line);
  },
});
