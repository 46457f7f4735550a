/** Mistakes in the config file and the environment. */
import { describeMistakes } from "../support/mistakes.ts";
import type { Mistake } from "../support/mistakes.ts";

const CHECK = "Correct the file, then check it: negotiator host check-config";
const PRINT = ["host", "print-config"];

/** A config with one mistake, and the line about it. */
function config(mistake: string, text: string, ...problems: readonly string[]): Mistake {
  return {
    mistake,
    words: PRINT,
    files: { "negotiator.toml": text },
    exitCode: 1,
    message: [
      "negotiator: Cannot use DIR/negotiator.toml:",
      ...problems.map((problem) => `  ${problem}`),
      CHECK,
    ],
  };
}

/** A config that is not TOML. */
function syntax(mistake: string, text: string, problem: string): Mistake {
  return {
    mistake,
    words: PRINT,
    files: { "negotiator.toml": text },
    exitCode: 1,
    message: [`negotiator: Cannot use DIR/negotiator.toml: ${problem}`, CHECK],
  };
}

describeMistakes("a mistake in the config", [
  config(
    "text where a list is needed",
    '# mine\ncommandsDirectory = "/opt/commands"\n',
    'line 2: commandsDirectory must be a list; write: commandsDirectory = ["/opt/commands"]',
  ),
  config(
    "a key in other letters",
    'policyfile = "/p"\n',
    "line 1: policyfile: unknown key; did you mean policyFile?",
  ),
  config(
    "a key in the wrong table",
    "[host]\ndrainSeconds = 5\n",
    "line 2: host.drainSeconds: unknown key; it belongs above the first [table]",
  ),
  config(
    "a key with its table below another table",
    '[audit]\nkeep = 3\nguest.qga = "yes"\n',
    'line 3: audit.guest: unknown key; its keys belong below [guest], without "guest."',
  ),
  config(
    "a rule of the policy",
    '[[rules]]\naction = "deny"\n',
    "line 1: rules: unknown key; it belongs in the policy, /etc/negotiator/policy.toml by default",
  ),
  config(
    "a key of a table mistyped",
    '[log]\nlevl = "debug"\n',
    "line 2: log.levl: unknown key; did you mean log.level?",
  ),
  config(
    "a key of a table mistyped with its table",
    "log.levl = 'debug'\n",
    "line 1: log.levl: unknown key; did you mean log.level?",
  ),
  config("a key without its unit", "drain = 5\n", "line 1: drain: unknown key; did you mean drainSeconds?"),
  config(
    "a key without its table",
    'libvirt = "no"\n',
    "line 1: libvirt: unknown key; it belongs below [host]",
  ),
  config(
    "a number in quotation marks",
    'drainSeconds = "30"\n',
    "line 1: drainSeconds must be a number from 0 to 31536000; " +
      'this is the text "30"; write: drainSeconds = 30',
  ),
  config(
    "a negative number",
    "drainSeconds = -1\n",
    "line 1: drainSeconds must be a number from 0 to 31536000; this is -1",
  ),
  config(
    "true where a word is needed",
    "[host]\nlibvirt = true\n",
    'line 2: host.libvirt must be one of "auto", "yes", "no"; this is true; write: libvirt = "yes"',
  ),
  config(
    "a level of the log that does not exist",
    '[log]\nlevel = "verbose"\n',
    'line 2: log.level must be one of "silent", "error", "warn", "info", "debug", "trace"; ' +
      'this is the text "verbose"',
  ),
  config(
    "a relative path",
    'policyFile = "policy.toml"\n',
    'line 1: policyFile must be an absolute path, such as "/path"; this is the text "policy.toml"',
  ),
  config(
    "several mistakes in the tables [[guests]]",
    '[[guests]]\nname = "web1"\n[[guests]]\nsocket = "web2.sock"\n',
    'line 1: guest 1: socket is missing; it must be an absolute path, such as "/path"',
    "line 3: guest 2: name is missing; it must be text",
    'line 4: guest 2: socket must be an absolute path, such as "/path"; this is the text "web2.sock"',
  ),
  {
    mistake: "a guest whose user does not exist",
    words: ["host", "check-config"],
    files: {
      "negotiator.toml": '[[guests]]\nname = "web1"\nsocket = "/run/vm/web1"\nuser = "no-such-user"\n',
      "policy.toml": '[[rules]]\naction = "allow"\n',
    },
    exitCode: 1,
    message: [
      'negotiator: Cannot use guest 1 "web1" of the config: Cannot find the user "no-such-user": ' +
        "the system does not know it",
      "Correct the name, or create the user: useradd --system no-such-user",
    ],
  },
  {
    mistake: "several guests with a wrong port, and a socket twice",
    words: ["host", "list-guests"],
    files: {
      "negotiator.toml":
        '[[guests]]\nname = "web1"\nsocket = "/a"\nport = "agent"\n' +
        '[[guests]]\nname = "web2"\nsocket = "/b"\n[[guests]]\nname = "web2"\nsocket = "/c"\n',
    },
    exitCode: 1,
    message: [
      "negotiator: Cannot use the config's list of guests:",
      '  guest 1 "web1": "agent" is not a port\'s name; use one of: negotiator-host-to-guest.0, ' +
        "negotiator-guest-to-host.0, negotiator-channel.0, org.qemu.guest_agent.0",
      '  guest 3 "web2": two sockets for port "negotiator-host-to-guest.0" of guest "web2": "/b" and "/c"',
      "Correct the tables [[guests]], then check them: negotiator host check-config",
    ],
  },
  syntax(
    "a unit after a number",
    "drainSeconds = 10s\n",
    "line 1, column 18: a number has a character that does not belong there",
  ),
  syntax(
    "text without quotation marks",
    "[log]\nlevel = debug\n",
    "line 2, column 9: a value is missing or unknown; text needs quotation marks",
  ),
  syntax(
    "a colon for =",
    'policyFile: "/p"\n',
    'line 1, column 11: ":" stands where "=" is needed; write: key = value',
  ),
  syntax("a table twice", "[log]\n[host]\n[log]\n", "line 3, column 2: this key or table is already defined"),
  {
    mistake: "a config file that does not exist",
    words: ["host", "status", "--config", "DIR/negotiatr.toml"],
    exitCode: 1,
    message: [
      'negotiator: Cannot read the config file "DIR/negotiatr.toml": there is no such file',
      "Create the file, or correct --config or the variable NEGOTIATOR_CONFIG",
    ],
  },
  {
    mistake: "a directory as the config file",
    words: ["host", "status", "--config", "DIR"],
    exitCode: 1,
    message: [
      'negotiator: Cannot read the file "DIR": it is a directory',
      "Name the file in it, such as DIRECTORY/negotiator.toml",
    ],
  },
  {
    mistake: "a config file that others may write to",
    words: PRINT,
    modes: { "negotiator.toml": 0o666 },
    exitCode: 1,
    message: [
      'negotiator: Cannot use the file "DIR/negotiator.toml": its group or everybody may write to it',
      "Correct it with: chmod go-w DIR/negotiator.toml",
    ],
  },
  {
    mistake: "wrong values of variables",
    words: PRINT,
    environment: { NEGOTIATOR_DRAIN_SECONDS: "soon", NEGOTIATOR_LOG_LEVEL: "INFO" },
    exitCode: 1,
    message: [
      "negotiator: Cannot use the environment:",
      '  NEGOTIATOR_DRAIN_SECONDS must be a number from 0 to 31536000; this is the text "soon"',
      '  NEGOTIATOR_LOG_LEVEL must be one of "silent", "error", "warn", "info", "debug", "trace"; ' +
        'this is the text "INFO"; write: NEGOTIATOR_LOG_LEVEL=info',
      "Correct the variables, or remove them: unset NEGOTIATOR_DRAIN_SECONDS NEGOTIATOR_LOG_LEVEL",
    ],
  },
  {
    mistake: "--config for the check, which names the same file again",
    words: ["guest", "print-config", "--config", "DIR/mine.toml"],
    files: { "mine.toml": "drainSecond = 5\n" },
    exitCode: 1,
    message: [
      "negotiator: Cannot use DIR/mine.toml:",
      "  line 1: drainSecond: unknown key; did you mean drainSeconds?",
      "Correct the file, then check it: negotiator guest check-config --config DIR/mine.toml",
    ],
  },
]);
