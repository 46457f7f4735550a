/** The options and the configuration file of the QEMU guest agent, for the program under its name. */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { readTrustedFile } from "../../trust/trusted-file.ts";

/** The methods of transport that this program has. */
export const TRANSPORTS = ["virtio-serial", "isa-serial", "unix-listen"] as const;

/** The options in force. */
export type AgentLine = {
  action: "run" | "help" | "version" | "dump" | "list";
  method: (typeof TRANSPORTS)[number];
  /** The device or socket; empty for the usual one. */
  path: string;
  stateDirectory: string;
  pidFile: string;
  logFile: string;
  /** The program that is called before a freeze and after a thaw; empty for none. */
  freezeHook: string;
  isVerbose: boolean;
  isDaemon: boolean;
  /** Whether a missing port is waited for. */
  retries: boolean;
  blocked: readonly string[];
  allowed: readonly string[];
};

const DEFAULTS: AgentLine = {
  action: "run",
  method: "virtio-serial",
  path: "",
  stateDirectory: "/run",
  pidFile: "/run/qemu-ga.pid",
  logFile: "",
  freezeHook: "",
  isVerbose: false,
  isDaemon: false,
  retries: false,
  blocked: [],
  allowed: [],
};

/** The usual place of the hook, for `-F` without a path. */
const FREEZE_HOOK = "/etc/qemu/fsfreeze-hook";
const CONFIG_FILE = "/etc/qemu/qemu-ga.conf";

/** Each option with its short form; `value`: whether a word belongs to it. */
const OPTIONS = [
  { long: "method", short: "m", value: "always" },
  { long: "path", short: "p", value: "always" },
  { long: "logfile", short: "l", value: "always" },
  { long: "pidfile", short: "f", value: "always" },
  { long: "fsfreeze-hook", short: "F", value: "joined" },
  { long: "statedir", short: "t", value: "always" },
  { long: "config", short: "c", value: "always" },
  { long: "block-rpcs", short: "b", value: "always" },
  { long: "blacklist", short: undefined, value: "always" },
  { long: "allow-rpcs", short: "a", value: "always" },
  { long: "verbose", short: "v", value: "never" },
  { long: "version", short: "V", value: "never" },
  { long: "daemonize", short: "d", value: "never" },
  { long: "dump-conf", short: "D", value: "never" },
  { long: "retry-path", short: "r", value: "never" },
  { long: "help", short: "h", value: "never" },
] as const;

type Option = (typeof OPTIONS)[number];
type Given = { option: Option["long"]; value: string };

/**
 * Reads the words and the configuration file; words win, and lists add up. `configFile` is that of
 * `QGA_CONF`. Throws `BAD_USAGE` or `BAD_CONFIG`.
 */
export function readAgentLine(words: readonly string[], configFile: string | undefined): AgentLine {
  const given = readWords(words);
  const named = given.findLast(({ option }) => option === "config")?.value ?? configFile;
  const file = readKeyFile(named ?? CONFIG_FILE, named !== undefined);
  return [...file, ...given].reduce(apply, DEFAULTS);
}

function readWords(words: readonly string[]): Given[] {
  const given: Given[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, long, joined] = /^--([^=]+)(?:=([^]*))?$/.exec(word) ?? [];
    const [, letter, tail = ""] = /^-([^-])([^]*)$/.exec(word) ?? [];
    const option = OPTIONS.find(
      (known) => known.long === long || (letter !== undefined && known.short === letter),
    );
    if (option === undefined) throw usage(`There is no option "${printable(word)}"`);
    const near = joined ?? (tail === "" ? undefined : tail);
    if (option.value === "never") {
      given.push({ option: option.long, value: "" });
      // Several letters may stand together, as in -vd.
      if (tail !== "") rest.unshift(`-${tail}`);
      continue;
    }
    const value = near ?? (option.value === "always" ? rest.shift() : FREEZE_HOOK);
    if (value === undefined) throw usage(`The option "${printable(word)}" needs a value`);
    given.push({ option: option.long, value });
  }
  return given;
}

/**
 * The keys of the group `[general]` have the names of the long options, but for one. They name programs and
 * files of root, so the file is judged like our own config.
 */
function readKeyFile(path: string, isRequired: boolean): Given[] {
  const text = readTrustedFile(path);
  if (text === undefined) {
    if (!isRequired) return [];
    throw new NegotiatorError("BAD_CONFIG", `Cannot read "${printable(path)}": there is no such file`, {
      remedy: "Correct the path in QGA_CONF or -c",
    });
  }
  let group = "";
  return text.split("\n").flatMap((line): Given[] => {
    const [, name] = /^\[(.*)\]\s*$/.exec(line) ?? [];
    group = name ?? group;
    const [, key = "", value = ""] = /^\s*([^#\s=]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (group !== "general" || key === "" || name !== undefined) return [];
    const option = OPTIONS.find(({ long }) => long === key || (key === "daemon" && long === "daemonize"));
    if (option === undefined) return [];
    if (option.value === "never" && value !== "true" && value !== "1") return [];
    return [{ option: option.long, value }];
  });
}

function apply(line: AgentLine, { option, value }: Given): AgentLine {
  switch (option) {
    case "method":
      return { ...line, method: readMethod(value) };
    case "path":
      return { ...line, path: value };
    case "logfile":
      return { ...line, logFile: value };
    case "pidfile":
      return { ...line, pidFile: value };
    case "fsfreeze-hook":
      return { ...line, freezeHook: value };
    case "statedir":
      return { ...line, stateDirectory: value };
    case "block-rpcs":
    case "blacklist":
      return value === "help" || value === "?"
        ? { ...line, action: "list" }
        : { ...line, blocked: [...line.blocked, ...splitList(value)] };
    case "allow-rpcs":
      return value === "help" || value === "?"
        ? { ...line, action: "list" }
        : { ...line, allowed: [...line.allowed, ...splitList(value)] };
    case "verbose":
      return { ...line, isVerbose: true };
    case "daemonize":
      return { ...line, isDaemon: true };
    case "retry-path":
      return { ...line, retries: true };
    case "version":
      return { ...line, action: "version" };
    case "dump-conf":
      return { ...line, action: "dump" };
    case "help":
      return { ...line, action: "help" };
    default:
      return line;
  }
}

/** A semicolon between names would block nothing, without a word. */
function splitList(value: string): string[] {
  return value
    .split(/[,;]/)
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

const NO_VSOCK = "Cannot listen at vsock: the runtime of this program has no such sockets";

function readMethod(value: string): AgentLine["method"] {
  const method = TRANSPORTS.find((known) => known === value);
  if (value === "vsock-listen")
    throw new NegotiatorError("BAD_USAGE", NO_VSOCK, {
      remedy:
        "Give the guest a virtio-serial port, and leave -m out\n" +
        "Or listen with -m unix-listen -p PATH, and put this in front: " +
        "socat VSOCK-LISTEN:PORT,fork UNIX-CONNECT:PATH",
    });
  if (method === undefined)
    throw usage(`The method "${printable(value)}" is not one of ${TRANSPORTS.join(", ")}`);
  return method;
}

function usage(problem: string): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", problem, { remedy: "Read the help: qemu-ga --help" });
}

/** Returns the options in the form of the configuration file. */
export function formatAgentLine(line: AgentLine): string {
  const keys = [
    ["daemon", line.isDaemon],
    ["method", line.method],
    ["path", line.path],
    ["logfile", line.logFile],
    ["pidfile", line.pidFile],
    ["fsfreeze-hook", line.freezeHook],
    ["statedir", line.stateDirectory],
    ["verbose", line.isVerbose],
    ["retry-path", line.retries],
    ["block-rpcs", line.blocked.join(",")],
    ["allow-rpcs", line.allowed.join(",")],
  ] as const;
  const shown = keys.filter(([, value]) => value !== "").map(([key, value]) => `${key}=${value}`);
  return ["[general]", ...shown].join("\n");
}

/** Returns the words of a process in the foreground that has these options, whatever the file says. */
export function formatAgentWords(line: AgentLine): string[] {
  const { path, freezeHook, blocked, allowed, isVerbose, retries } = line;
  return [
    "--config=/dev/null",
    `--method=${line.method}`,
    `--statedir=${line.stateDirectory}`,
    ...(path === "" ? [] : [`--path=${path}`]),
    ...(freezeHook === "" ? [] : [`--fsfreeze-hook=${freezeHook}`]),
    ...(blocked.length === 0 ? [] : [`--block-rpcs=${blocked.join(",")}`]),
    ...(allowed.length === 0 ? [] : [`--allow-rpcs=${allowed.join(",")}`]),
    ...(isVerbose ? ["--verbose"] : []),
    ...(retries ? ["--retry-path"] : []),
  ];
}

/** The help of the program under the name of the QEMU guest agent. */
export const AGENT_HELP = `Usage: qemu-ga [-m METHOD] [-p PATH] [OPTION...]

negotiator in the place of the QEMU guest agent.

  -m, --method METHOD       ${TRANSPORTS.join(", ")} (default: virtio-serial)
  -p, --path PATH           the device, or the socket to listen at
  -t, --statedir DIRECTORY  for the state of a freeze (default: /run)
  -F, --fsfreeze-hook[=PATH] run it before a freeze and after a thaw
                            (without a path: ${FREEZE_HOOK})
  -b, --block-rpcs LIST     switch commands off; "help" lists all
  -a, --allow-rpcs LIST     switch all other commands off
  -d, --daemonize           go to the background
  -f, --pidfile PATH        with -d: the file with the process id
  -l, --logfile PATH        with -d: the log
  -r, --retry-path          wait for a missing port
  -c, --config FILE         read it instead of ${CONFIG_FILE}
  -D, --dump-conf           print the options in force
  -v, --verbose             log more
  -V, --version             print the version
  -h, --help                print this help`;
