/** Mistakes in the policy, and in the description of a command. */
import { describeMistakes } from "../support/mistakes.ts";
import type { Mistake } from "../support/mistakes.ts";

const CHECK = "Correct the file, then check it: negotiator guest check-config";
const RULE = '[[rules]]\naction = "allow"\n';
const ALLOWED = { "policy.toml": RULE };
const SCRIPT = "#!/bin/sh\necho done\n";

/** A policy with mistakes, and the lines about them. */
function policy(mistake: string, text: string, ...problems: readonly string[]): Mistake {
  return {
    mistake,
    words: ["guest", "check-config"],
    files: { "policy.toml": text },
    exitCode: 1,
    message: ["negotiator: Cannot use DIR/policy.toml:", ...problems.map((problem) => `  ${problem}`), CHECK],
  };
}

/** A description `backup.toml` with a mistake. `check-policy` judges the command. */
function description(mistake: string, text: string, problem: string): Mistake {
  return {
    mistake,
    words: ["guest", "check-policy", "backup"],
    files: { ...ALLOWED, "commands/backup": SCRIPT, "commands/backup.toml": text },
    exitCode: 1,
    message: [
      "negotiator: The call would fail: Cannot use DIR/commands/backup.toml:",
      `  ${problem}`,
      "Correct the file, then check it: negotiator guest check-policy backup",
    ],
  };
}

describeMistakes("a mistake in the policy", [
  policy(
    "text where a list is needed",
    `${RULE}commands = "check-process"\n`,
    'line 3: rule 1: commands must be a list; write: commands = ["check-process"]',
  ),
  policy(
    "a rule without an action",
    '[[rules]]\ncommands = ["uptime"]\n',
    'line 1: rule 1: action is missing; it must be "allow" or "deny"',
  ),
  policy(
    "another word for allow",
    `${RULE}[[rules]]\naction = "permit"\n`,
    'line 4: rule 2: action must be "allow" or "deny"; this is the text "permit"',
  ),
  policy(
    "[[rule]] for [[rules]]",
    '[[rule]]\naction = "allow"\n',
    "line 1: rule: unknown key; did you mean rules?",
  ),
  policy(
    "[rules] for [[rules]]",
    '[rules]\naction = "allow"\n',
    "line 1: rules must be a list of tables, such as [[rules]]; this is a table",
  ),
  policy(
    "keys in the singular",
    `${RULE}guest = ["web1"]\ncommand = ["uptime"]\n`,
    "line 3: rule 1: guest: unknown key; did you mean guests?",
    "line 4: rule 1: command: unknown key; did you mean commands?",
  ),
  policy(
    "an unknown unit of a rate",
    `${RULE}rate = "10/min"\n`,
    'line 3: rule 1: rate: "10/min" is not a rate; write for example "10/minute" (second, minute, hour)',
  ),
  policy(
    "a limit in a rule that denies",
    '[[rules]]\naction = "deny"\nuser = "backup"\n',
    'line 3: rule 1: user: has no meaning in a rule whose action is "deny"; remove it',
  ),
  policy(
    "an empty list",
    `${RULE}commands = []\n`,
    "line 3: rule 1: commands: an empty list matches nothing; leave the key out to match everything",
  ),
  policy(
    "a number in quotation marks",
    `${RULE}concurrency = "2"\n`,
    "line 3: rule 1: concurrency must be a whole number of 1 or more; " +
      'this is the text "2"; write: concurrency = 2',
  ),
  policy(
    "an id for the name of a user",
    `${RULE}user = "1000"\n`,
    `line 3: rule 1: user: not a user's name; write one such as "backup"`,
  ),
  {
    mistake: "a policy that is not TOML",
    words: ["host", "check-config"],
    files: { "policy.toml": "[[rules]\n" },
    exitCode: 1,
    message: [
      "negotiator: Cannot use DIR/policy.toml: " +
        "line 1, column 9: the name of a list of tables must end with ]]",
      "Correct the file, then check it: negotiator host check-config",
    ],
  },
  {
    mistake: "a user that does not exist",
    words: ["host", "check-config"],
    files: { "policy.toml": `${RULE}user = "nosuchuser"\n` },
    exitCode: 1,
    message: [
      "negotiator: Cannot use rule 1 of DIR/policy.toml: " +
        'Cannot find the user "nosuchuser": the system does not know it',
      "Correct the name, or create the user: useradd --system nosuchuser",
    ],
  },
  {
    mistake: "the setting policyFile with a path where nothing is",
    words: ["host", "check-config"],
    exitCode: 1,
    message: [
      'negotiator: Cannot read the policy "DIR/policy.toml": there is no such file',
      "Create it, or correct the variable NEGOTIATOR_POLICY_FILE",
    ],
  },
  {
    mistake: "a policy that others may write to",
    words: ["host", "check-config"],
    files: ALLOWED,
    modes: { "policy.toml": 0o664 },
    exitCode: 1,
    message: [
      'negotiator: Cannot use the file "DIR/policy.toml": its group or everybody may write to it',
      "Correct it with: chmod go-w DIR/policy.toml",
    ],
  },
  {
    mistake: "check-policy for a command that does not exist",
    words: ["host", "check-policy", "web1", "bakup"],
    files: { ...ALLOWED, "commands/backup": SCRIPT },
    exitCode: 1,
    message: [
      'negotiator: The call would fail: Cannot run "bakup": it is not a command of negotiator on the host',
      'Did you mean "backup"?',
    ],
  },
  {
    mistake: "check-policy for a command without its executable bit",
    words: ["host", "check-policy", "web1", "backup"],
    files: { ...ALLOWED, "commands/backup": SCRIPT },
    modes: { "commands/backup": 0o644 },
    exitCode: 1,
    message: [
      'negotiator: The call would fail: Cannot run "DIR/commands/backup": it has no executable bit',
      "Set it with: chmod 755 DIR/commands/backup",
    ],
  },
  {
    mistake: "check-policy of a host without a guest",
    words: ["host", "check-policy", "uptime"],
    exitCode: 2,
    message: [
      'negotiator: missing COMMAND after GUEST "uptime"',
      "Write: negotiator host check-policy [OPTION...] GUEST COMMAND [ARG...]",
      `List the guests, as "uptime" was taken for a guest's name: negotiator host list-guests`,
    ],
  },
]);

describeMistakes("a mistake in the description of a command", [
  description(
    "a key without its unit",
    "timeout = 60\n",
    "line 1: timeout: unknown key; did you mean timeoutSeconds?",
  ),
  description(
    "a deadline with a unit",
    'description = "Backs up"\ntimeoutSeconds = "60s"\n',
    'line 2: timeoutSeconds must be a number from 0.001 to 31536000; this is the text "60s"',
  ),
  description(
    "yes for true",
    'stdin = "yes"\n',
    'line 1: stdin must be true or false; this is the text "yes"; write: stdin = true',
  ),
  {
    mistake: "a user that does not exist",
    words: ["guest", "check-policy", "backup"],
    files: { ...ALLOWED, "commands/backup": SCRIPT, "commands/backup.toml": 'user = "nosuchuser"\n' },
    exitCode: 1,
    message: [
      "negotiator: The call would fail: Cannot use DIR/commands/backup.toml: " +
        'Cannot find the user "nosuchuser": the system does not know it',
      "Correct the name, or create the user: useradd --system nosuchuser",
    ],
  },
]);
