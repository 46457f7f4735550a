/** Owns the commands that the demo's host and guest offer, and the policy of each side. */

/** A side of the demo. */
export type Side = "host" | "guest";

/** The script of each command by name, for each side. */
export const COMMANDS: Readonly<Record<Side, Readonly<Record<string, string>>>> = {
  guest: {
    "kernel-release": script("Show which kernel runs here", "exec uname -sr"),
    "sort-lines": script("Sort the lines of standard input", "exec sort"),
    "copy-files": script(
      "Copy five files, slowly",
      "for number in 1 2 3 4 5; do",
      '  echo "copied file $number of 5"',
      "  sleep 0.4",
      "done",
    ),
    "check-process": script(
      "Exit with 0 if a program runs, else with 3",
      'pidof "$1" || {',
      '  echo "$1 does not run" >&2',
      "  exit 3",
      "}",
    ),
    "wait-forever": script("Wait until it is stopped", "exec sleep 600"),
    "wipe-disk": script("Wipe the disk, which no host may do", "echo wiped"),
  },
  host: {
    "request-backup": script(
      "Queue a backup of the calling guest",
      'echo "queued for $NEGOTIATOR_GUEST: $*"',
    ),
  },
};

/** Each side's `policy.toml`. */
export const POLICIES: Readonly<Record<Side, string>> = {
  guest: `[[rules]]
action = "deny"
commands = ["wipe-*"]
reason = "the guest's policy forbids it"

[[rules]]
action = "allow"
`,
  host: `[[rules]]
action = "allow"
`,
};

function script(description: string, ...lines: string[]): string {
  return ["#!/bin/sh", `# negotiator: ${description}`, ...lines, ""].join("\n");
}
