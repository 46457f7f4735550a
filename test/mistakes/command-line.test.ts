/** Mistakes in the words of a command line. */
import { GUEST } from "../../src/roles/guest/cli.ts";
import { describeMistakes } from "../support/mistakes.ts";

const GUESTS = "List the guests: negotiator host list-guests";
const EXECUTE = "Write: negotiator host execute [OPTION...] GUEST COMMAND [ARG...]";
/** The line about a word that may be the command, not the guest. */
const taken = (word: string): string =>
  `List the guests, as "${word}" was taken for a guest's name: negotiator host list-guests`;

describeMistakes("a mistake on the command line", [
  {
    mistake: "nothing after the name of the program",
    words: [],
    exitCode: 2,
    message: [
      "negotiator: missing role or option",
      "Use one of: host, guest, help, man, completion, --help, --version",
      "Read the help: negotiator --help",
    ],
  },
  {
    mistake: "the role forgotten",
    words: ["execute", "web1", "uptime"],
    exitCode: 2,
    message: [
      'negotiator: unknown role or option "execute"',
      "Put the role first, on the host: negotiator host execute web1 uptime",
      "In a guest, without a guest's name: negotiator guest execute COMMAND [ARG...]",
    ],
  },
  {
    mistake: "the role mistyped",
    words: ["hots", "status"],
    exitCode: 2,
    message: [
      'negotiator: unknown role or option "hots"',
      'Did you mean "host"?',
      "Read the help: negotiator --help",
    ],
  },
  {
    mistake: "the subcommand forgotten",
    words: ["guest"],
    exitCode: 2,
    message: [
      "negotiator: missing subcommand",
      `Use one of: ${Object.keys(GUEST.subCommands).join(", ")}`,
      "Read the help: negotiator guest --help",
    ],
  },
  {
    mistake: "the subcommand mistyped",
    words: ["host", "lst-guests"],
    exitCode: 2,
    message: [
      'negotiator: unknown subcommand "lst-guests"',
      'Did you mean "list-guests"?',
      "Read the help: negotiator host --help",
    ],
  },
  {
    mistake: "an option before the subcommand",
    words: ["host", "--json", "list-guests"],
    exitCode: 2,
    message: [
      'negotiator: "--json" stands before the subcommand',
      "Write options after it: negotiator host list-guests --json",
    ],
  },
  {
    mistake: "an option with a value before the subcommand",
    words: ["host", "-t", "60", "execute", "web1", "uptime"],
    exitCode: 2,
    message: [
      'negotiator: "-t" stands before the subcommand',
      "Write options after it: negotiator host execute -t 60 web1 uptime",
    ],
  },
  {
    mistake: "an option mistyped",
    words: ["host", "list-guests", "--jsno"],
    exitCode: 2,
    message: [
      'negotiator: unknown option "--jsno"',
      'Did you mean "--json"?',
      "Read the help: negotiator host list-guests --help",
    ],
  },
  {
    mistake: "the guest and the command forgotten",
    words: ["host", "execute"],
    exitCode: 2,
    message: ["negotiator: missing GUEST", EXECUTE, GUESTS],
  },
  {
    mistake: "the command forgotten",
    words: ["host", "execute", "web1"],
    exitCode: 2,
    message: ['negotiator: missing COMMAND after GUEST "web1"', EXECUTE, taken("web1")],
  },
  {
    mistake: "the guest forgotten before the command",
    words: ["host", "execute", "uptime"],
    exitCode: 2,
    message: ['negotiator: missing COMMAND after GUEST "uptime"', EXECUTE, taken("uptime")],
  },
  {
    mistake: "the role forgotten before a subcommand with the same words in both",
    words: ["check-config", "--json"],
    exitCode: 2,
    message: [
      'negotiator: unknown role or option "check-config"',
      "Put the role first, on the host: negotiator host check-config --json",
      "In a guest: negotiator guest check-config --json",
    ],
  },
  {
    mistake: "the role forgotten before a subcommand that only a host has",
    words: ["list-guests"],
    exitCode: 2,
    message: [
      'negotiator: unknown role or option "list-guests"',
      "Put the role first, on the host: negotiator host list-guests",
    ],
  },
  {
    mistake: "a guest given to list-guests",
    words: ["host", "list-guests", "web1"],
    exitCode: 2,
    message: ['negotiator: surplus word "web1"', "Write: negotiator host list-guests [OPTION...]"],
  },
  {
    mistake: "a deadline with a unit",
    words: ["host", "execute", "-t", "60s", "web1", "uptime"],
    exitCode: 2,
    message: [
      'negotiator: --timeout must be a number of seconds; this is "60s"',
      "Write for example: --timeout 60",
    ],
  },
  {
    mistake: "a deadline that is the next word",
    words: ["guest", "execute", "--timeout", "uptime", "now"],
    exitCode: 2,
    message: [
      'negotiator: --timeout must be a number of seconds; this is "uptime"',
      "Write for example: --timeout 60",
    ],
  },
  {
    mistake: "a deadline that is the guest's name",
    words: ["host", "execute", "--timeout", "web1", "check-process"],
    exitCode: 2,
    message: [
      'negotiator: --timeout must be a number of seconds; this is "web1"',
      "Write for example: --timeout 60",
    ],
  },
  {
    mistake: "a deadline that is the command's name, of a list",
    words: ["host", "list-commands", "--connect-timeout", "web1"],
    exitCode: 2,
    message: [
      'negotiator: --connect-timeout must be a number of seconds; this is "web1"',
      "Write for example: --connect-timeout 60",
    ],
  },
  {
    mistake: "a deadline of more than a year",
    words: ["host", "execute", "-t", "99999999999", "web1", "uptime"],
    exitCode: 2,
    message: [
      'negotiator: --timeout must be a number from 0 to 31536000; this is "99999999999"',
      "Write for example: --timeout 60 (0 for no limit)",
    ],
  },
  {
    mistake: "a relative path of a control socket",
    words: ["host", "status", "--control", "host.sock"],
    exitCode: 2,
    message: [
      "negotiator: Cannot use the options:",
      '  --control must be an absolute path, such as "/path"; this is the text "host.sock"',
      "Read the help: negotiator host status --help",
    ],
  },
  {
    mistake: "an unknown format of the log",
    words: ["host", "daemon", "--log-format", "yaml"],
    exitCode: 2,
    message: [
      'negotiator: unknown value of --log-format "yaml"',
      "Use one of: text, json",
      "Read the help: negotiator host daemon --help",
    ],
  },
  {
    mistake: "an option without its value",
    words: ["host", "status", "--config"],
    exitCode: 2,
    message: [
      "negotiator: option --config needs the path of a file",
      "Read the help: negotiator host status --help",
    ],
  },
  {
    mistake: "a switch with a value",
    words: ["host", "status", "--json=yes"],
    exitCode: 2,
    message: ["negotiator: option --json takes no value", "Read the help: negotiator host status --help"],
  },
  {
    mistake: "the option form without quotation marks around the command",
    words: ["host", "-e", "uptime", "web1", "now"],
    exitCode: 2,
    message: [
      'negotiator: surplus word "now"',
      'Write the command and its arguments as one word: -e "COMMAND ARG..."',
    ],
  },
  {
    mistake: "the option form without a guest",
    words: ["host", "-e", "uptime"],
    exitCode: 2,
    message: ["negotiator: missing GUEST", 'Write: negotiator host -e "COMMAND" GUEST', GUESTS],
  },
  {
    mistake: "the option form with a quote that does not end",
    words: ["host", "-e", "echo it's", "web1"],
    exitCode: 2,
    message: [
      "negotiator: Cannot split the command \"echo it's\": the quote ' has no end",
      "Add the closing quote, or write \\' for a quote that is meant",
    ],
  },
  {
    mistake: "--socket without the name of a guest",
    words: ["host", "execute", "--socket", "/run/web1.sock", "web1", "uptime"],
    exitCode: 2,
    message: [
      'negotiator: Cannot use --socket "/run/web1.sock": the guest\'s name is missing',
      "Write GUEST=PATH or GUEST:PORT=PATH",
    ],
  },
  ...["web1", "web1="].map((socket) => ({
    mistake: `--socket without a path: ${socket}`,
    words: ["host", "execute", "--socket", socket, "web1", "uptime"],
    exitCode: 2,
    message: [
      `negotiator: Cannot use --socket "${socket}": the path is missing`,
      "Write GUEST=PATH or GUEST:PORT=PATH",
    ],
  })),
  {
    mistake: "--socket with a misspelled port",
    words: ["host", "daemon", "--socket", "web1:host-to-guest=/run/web1.sock"],
    exitCode: 2,
    message: [
      'negotiator: Cannot use --socket "web1:host-to-guest=/run/web1.sock": ' +
        '"host-to-guest" is not a port\'s name',
      "Use one of: negotiator-host-to-guest.0, negotiator-guest-to-host.0, negotiator-channel.0, " +
        "org.qemu.guest_agent.0",
    ],
  },
  {
    mistake: "--socket twice for one guest",
    words: ["host", "daemon", "--socket", "web1=/run/a.sock", "--socket", "web1=/run/b.sock"],
    exitCode: 2,
    message: [
      'negotiator: Cannot use --socket: two sockets for port "negotiator-host-to-guest.0" of guest "web1": ' +
        '"/run/a.sock" and "/run/b.sock"',
      "Remove one of them",
    ],
  },
]);
