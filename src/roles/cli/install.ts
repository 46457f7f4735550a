/** Defines the subcommand `install`. */
import { JSON_OPTION } from "./options.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** The subcommand of a role. */
export function createInstallCommand(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Install this program as a service of this machine, upgrade it, or remove it.",
    args: {
      ...JSON_OPTION,
      "dry-run": { type: "boolean", description: "Change nothing; print each step as lines of shell" },
      force: { type: "boolean", description: "Also replace, or remove, files that others have written" },
      manager: {
        type: "string",
        valueHint: "name",
        description: "systemd, openrc, runit, sysv, supervisord or none; default: the one found here",
      },
      root: { type: "string", valueHint: "dir", description: "Install into the image mounted there" },
      image: {
        type: "string",
        valueHint: "file",
        description: "Install into a disk image; uses guestmount",
      },
      "no-start": { type: "boolean", description: "Enable the service, and do not start it" },
      "stop-old": { type: "boolean", description: "Stop a daemon of python-negotiator without a question" },
      ...(role === "guest" && QGA_OPTIONS),
      uninstall: { type: "boolean", description: "Remove what install has put here, and stop the daemon" },
      purge: { type: "boolean", description: "With --uninstall: also the config, the state and kept output" },
    },
    notes:
      (role === "guest" ? QGA_NOTES : "") +
      "Puts the program into /usr/local/bin, makes the service, the group negotiator, the directories and " +
      "a first config, and starts the daemon. A newer program replaces an older one; other files that are " +
      "there stay. If a file cannot be written, nothing is changed. Commands, policy and audit are never " +
      "removed. With --json one object: { role, version, root, dryRun, program, packaged, manager, daemon, " +
      "steps, notes }. Exit code: 0 done, 1 failed, 2 wrong usage.",
    examples: [
      `sudo ./negotiator ${role} install`,
      `negotiator ${role} install --dry-run`,
      `negotiator ${role} install --uninstall`,
      ...(role === "guest" ? ["sudo negotiator guest install --qga"] : []),
    ],
    takesBadConfig: "file",
    run: async (invocation) => (await import("../install/run-install.ts")).runInstall(role, invocation),
  });
}

const QGA_OPTIONS = {
  qga: { type: "boolean", description: "Answer as the QEMU guest agent; stop the machine's own one" },
  "no-qga": { type: "boolean", description: "Undo --qga: start the machine's own agent again" },
} as const;

const QGA_NOTES =
  "--qga stops the service qemu-guest-agent (systemd, OpenRC) for good, sets guest.qga in the config that " +
  "install wrote, and starts or reloads the daemon. --no-qga and --uninstall start that service again. ";
