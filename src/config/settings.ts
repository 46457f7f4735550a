/** All settings, with their types and defaults. A name ends in its unit. */
import * as v from "valibot";
import { BUILTIN_NAMES, describeUnknownBuiltin, isBuiltinName } from "../builtin-names.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";

/** A NUL would end a path or a name early. */
const Text = v.pipe(
  v.string(),
  v.check((text) => !text.includes("\0"), "it has a NUL, which no path and no name can have"),
);
const Path = v.pipe(Text, v.startsWith("/"), v.maxLength(4096));
const OptionalPath = v.union([v.literal(""), Path]);
/** A file name has at most 255 bytes. */
const NamePattern = v.pipe(Text, v.minLength(1), v.maxLength(255));
const Seconds = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(31_536_000));
const Positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

const BuiltinName = v.pipe(
  v.string(),
  v.check(isBuiltinName, ({ input }) => describeUnknownBuiltin(input)),
);

const LimitsSchema = v.strictObject({
  /** At least a stream chunk and what is around it. */
  lineBytes: v.optional(v.pipe(Positive, v.minValue(128 * 1024))),
  foreignAnswerBytes: v.optional(Positive),
  sharedBytes: v.optional(v.pipe(Positive, v.minValue(4 * 1024 * 1024))),
  openCalls: v.optional(Positive),
  pingAfterMs: v.optional(Positive),
  unresponsiveAfterMs: v.optional(Positive),
  abandonAfterMs: v.optional(Positive),
});

/** The schema of the config file. All keys are optional: `DEFAULTS` has a value for each. */
export const SettingsSchema = v.strictObject({
  /** The time in which a command line must reach the other side. 0 means no limit. */
  connectTimeoutSeconds: v.optional(Seconds),
  /** Directories of commands. The first one that has a command of that name wins. */
  commandsDirectory: v.optional(v.array(Path)),
  /** Patterns of further names that the files of commands may have. */
  commandNames: v.optional(v.array(NamePattern)),
  /** The built-in commands that this side offers. */
  builtIns: v.optional(v.array(BuiltinName)),
  policyFile: v.optional(Path),
  /** Time for running calls to end after the daemon gets SIGTERM. */
  drainSeconds: v.optional(Seconds),
  /** Whether bytes go over a port as they are. If not, every chunk is a line of text that people can read. */
  rawPayloads: v.optional(v.boolean()),
  log: v.optional(
    v.strictObject({
      level: v.optional(v.picklist(LOG_LEVELS)),
      format: v.optional(v.picklist(LOG_FORMATS)),
    }),
  ),
  audit: v.optional(
    v.strictObject({
      file: v.optional(Path),
      maxBytes: v.optional(Positive),
      keep: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(1000))),
      redactArguments: v.optional(v.boolean()),
      /** Whether a call that cannot be written down is counted, or refused. */
      onFull: v.optional(v.picklist(["count", "deny"])),
      /** Whether a command starts only when its line is on the disk. */
      fsync: v.optional(v.boolean()),
      /** Where a copy of each line goes. */
      forward: v.optional(v.picklist(["no", "journal", "syslog"])),
    }),
  ),
  /** Calls that go on without their callers. */
  detached: v.optional(
    v.strictObject({
      /** Where output goes that does not fit into memory: into a directory of the role in this one. */
      directory: v.optional(Path),
      /** How many of them may run or be kept. */
      calls: v.optional(v.pipe(Positive, v.maxValue(1000))),
      /** How much of each of the two outputs is kept: its last bytes. */
      outputBytes: v.optional(v.pipe(Positive, v.minValue(65_536))),
      /** How long an ended call is kept, unless its caller asks for another time. */
      keepSeconds: v.optional(Seconds),
    }),
  ),
  host: v.optional(
    v.strictObject({
      control: v.optional(Path),
      /** The libvirt URI. Empty means libvirt's own default. */
      connect: v.optional(Text),
      /** Whether the host asks libvirt for guests. */
      libvirt: v.optional(v.picklist(["auto", "yes", "no"])),
      /** Whether the host looks at the running QEMU processes. `auto`: only if there is no libvirt. */
      qemu: v.optional(v.picklist(["auto", "yes", "no"])),
      rescanSeconds: v.optional(v.pipe(Seconds, v.minValue(1))),
      /** Where commands are for guests that have only the QEMU guest agent. */
      guestCommandsDirectory: v.optional(Path),
    }),
  ),
  guest: v.optional(
    v.strictObject({
      control: v.optional(Path),
      /** The path of a device, pty or unix socket. Empty: find the port by its name. */
      characterDevice: v.optional(OptionalPath),
      /** Whether the daemon answers as the QEMU guest agent. `auto`: only where that is not installed. */
      qga: v.optional(v.picklist(["auto", "yes", "no"])),
      /** The path of a device, pty or unix socket for that. Empty: find the port by its name. */
      qgaPort: v.optional(OptionalPath),
      /** The program that is called before a freeze and after a thaw. It may be missing. */
      freezeHook: v.optional(OptionalPath),
      /** The time after which frozen file systems are thawed if the host does not ask for it. */
      freezeSeconds: v.optional(v.pipe(Seconds, v.minValue(1))),
    }),
  ),
  /** Sockets of guests that no finder reports. */
  guests: v.optional(
    v.array(
      v.strictObject({
        name: Text,
        socket: Path,
        port: v.optional(Text),
        /** The user who may listen there, besides root and our own user. */
        user: v.optional(Text),
      }),
    ),
  ),
  limits: v.optional(LimitsSchema),
});

/** Some of the settings: those of the file, the environment, or the command line. */
export type SettingsLayer = v.InferOutput<typeof SettingsSchema>;

/** The default of every setting. */
export const DEFAULTS = {
  connectTimeoutSeconds: 10,
  commandsDirectory: ["/usr/lib/negotiator/commands", "/etc/negotiator/commands"],
  commandNames: [],
  builtIns: [...BUILTIN_NAMES],
  policyFile: "/etc/negotiator/policy.toml",
  drainSeconds: 10,
  rawPayloads: true,
  log: { level: "info", format: "text" },
  audit: {
    file: "/var/log/negotiator/audit.jsonl",
    maxBytes: 10 * 1024 * 1024,
    keep: 5,
    redactArguments: false,
    onFull: "count",
    fsync: false,
    forward: "no",
  },
  detached: {
    directory: "/var/lib/negotiator",
    calls: 100,
    outputBytes: 16 * 1024 * 1024,
    keepSeconds: 3600,
  },
  host: {
    control: "/run/negotiator/host.sock",
    connect: "",
    libvirt: "auto",
    qemu: "auto",
    rescanSeconds: 30,
    guestCommandsDirectory: "/etc/negotiator/guest-commands",
  },
  guest: {
    control: "/run/negotiator/guest.sock",
    characterDevice: "",
    qga: "no",
    qgaPort: "",
    freezeHook: "/etc/qemu/fsfreeze-hook",
    freezeSeconds: 600,
  },
  guests: [],
  limits: {
    lineBytes: DEFAULT_LIMITS.lineBytes,
    foreignAnswerBytes: DEFAULT_LIMITS.foreignAnswerBytes,
    sharedBytes: DEFAULT_LIMITS.sharedBytes,
    openCalls: DEFAULT_LIMITS.openCalls,
    pingAfterMs: DEFAULT_LIMITS.pingAfterMs,
    unresponsiveAfterMs: DEFAULT_LIMITS.unresponsiveAfterMs,
    abandonAfterMs: DEFAULT_LIMITS.abandonAfterMs,
  },
} satisfies SettingsLayer;

/** A value for every setting. */
export type Settings = Complete<SettingsLayer>;
type Complete<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]-?: Complete<NonNullable<T[K]>> }
    : T;
