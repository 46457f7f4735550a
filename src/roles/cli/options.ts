/** Options that several subcommands declare. */
import type { ArgsDef } from "citty";

/** Shows the help of a line. */
export const HELP_OPTION = {
  help: { type: "boolean", alias: "h", description: "Show this help" },
} as const satisfies ArgsDef;

/** Options of every subcommand of both roles. */
export const COMMON_OPTIONS = {
  config: { type: "string", valueHint: "file", description: "Read this config file" },
  "log-format": { type: "string", valueHint: "text|json", description: "Form of log lines on stderr" },
  verbose: { type: "boolean", alias: "v", description: "Log more; repeatable" },
  quiet: { type: "boolean", alias: "q", description: "Log less; repeatable" },
  ...HELP_OPTION,
} as const satisfies ArgsDef;

/** The deadline of a command, and the time for reaching the other side. */
export const EXECUTE_TIMEOUT_OPTIONS = {
  timeout: {
    type: "string",
    alias: "t",
    valueHint: "seconds",
    description: "End the command after that time; 0 (the default): never",
  },
  "connect-timeout": {
    type: "string",
    valueHint: "seconds",
    description: "Time for reaching the other side; 0 for no limit; default 10",
  },
} as const satisfies ArgsDef;

/** The deadline of a list, and the time for reaching the other side. */
export const LIST_TIMEOUT_OPTIONS = {
  timeout: {
    type: "string",
    alias: "t",
    valueHint: "seconds",
    description: "Deadline, 0 for none; default 10",
  },
  "connect-timeout": EXECUTE_TIMEOUT_OPTIONS["connect-timeout"],
} as const satisfies ArgsDef;

/** Descriptions in a list. */
export const LONG_OPTION = {
  long: { type: "boolean", alias: "l", description: "With descriptions, also when it is not a terminal" },
} as const satisfies ArgsDef;

/** Output for programs. */
export const JSON_OPTION = {
  json: { type: "boolean", description: "JSON objects instead of text" },
} as const satisfies ArgsDef;

/** The path of the socket on which the daemon listens. */
export const CONTROL_OPTION = {
  control: { type: "string", valueHint: "path", description: "The daemon's control socket" },
} as const satisfies ArgsDef;

/** Asks about a local user's call. */
export const USER_OPTION = {
  user: { type: "string", valueHint: "name", description: "Ask about a call of this local user" },
} as const satisfies ArgsDef;

/** Leaves our standard input to other programs, as `ssh -n` does. */
export const NO_STDIN_OPTION = {
  "no-stdin": { type: "boolean", alias: "n", description: "Send no standard input, and leave it alone" },
} as const satisfies ArgsDef;

/** Trusts the other side with our terminal. */
export const RAW_OPTION = {
  raw: {
    type: "boolean",
    description: "Let control sequences of the other side reach a terminal; pipes and files get every byte",
  },
} as const satisfies ArgsDef;

/** Lets a command go on without its caller. */
export const DETACH_OPTIONS = {
  detach: {
    type: "boolean",
    alias: "d",
    description: "Print the id of the call when the command has started, and go; sends no standard input",
  },
  "detach-on-hangup": {
    type: "boolean",
    description: "Let the command go on if our terminal goes, as a detached call; sends no standard input",
  },
  keep: {
    type: "string",
    valueHint: "seconds",
    description: "Of a detached call: keep output and exit code so long after the end; default 3600",
  },
} as const satisfies ArgsDef;

/** Works without the daemon. */
export const DIRECT_OPTION = {
  direct: { type: "boolean", description: "Open the channel itself, without the daemon" },
} as const satisfies ArgsDef;

/** The libvirt of a host. */
export const CONNECT_OPTION = {
  connect: { type: "string", valueHint: "uri", description: "The libvirt to ask, such as qemu:///system" },
} as const satisfies ArgsDef;

/** The sources in which a host finds its guests. */
export const FINDER_OPTIONS = {
  ...CONNECT_OPTION,
  socket: {
    type: "string",
    valueHint: "guest=path",
    description: "A guest's host-to-guest socket, or GUEST:PORT=PATH; repeatable, asks no libvirt",
  },
} as const satisfies ArgsDef;

/** The port through which a guest reaches its host. */
export const DEVICE_OPTION = {
  "character-device": {
    type: "string",
    alias: "c",
    valueHint: "path",
    description: "A device, pty or unix socket instead of the port found by its name",
  },
} as const satisfies ArgsDef;

/** The port on which a guest's daemon answers as the QEMU guest agent. */
export const QGA_OPTION = {
  "qga-port": {
    type: "string",
    valueHint: "path",
    description: "Answer there as the QEMU guest agent: a device, pty or unix socket",
  },
} as const satisfies ArgsDef;
