/** What the demo's host and guest offer to each other, small scripts by name, and the policy of each. */

export type Side = "host" | "guest";

/** The text of each command by its name, for each side. */
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
      "Tell by the exit code whether a program runs: 0 or 3",
      'pidof "$1" || {',
      '  echo "$1 does not run" >&2',
      "  exit 3",
      "}",
    ),
    "wait-forever": script("Wait until somebody ends it", "exec sleep 600"),
    "wipe-disk": script("Nothing that a host should be allowed to do", "echo wiped"),
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
