/** Every setting: its key, its type, its range and its default. Units are in the names. */
import * as v from "valibot";
import { DEFAULT_LIMITS } from "../limits.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";

const Path = v.pipe(v.string(), v.startsWith("/"), v.maxLength(4096));
const OptionalPath = v.union([v.literal(""), Path]);
const Seconds = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(31_536_000));
const Positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

const LimitsSchema = v.strictObject({
  /** At least a stream chunk of the largest size must fit into a line. */
  lineBytes: v.optional(v.pipe(Positive, v.minValue(128 * 1024))),
  openCalls: v.optional(Positive),
  pingAfterMs: v.optional(Positive),
  unresponsiveAfterMs: v.optional(Positive),
  abandonAfterMs: v.optional(Positive),
});

/** One layer of settings, such as the config file. Every key may be missing; `DEFAULTS` has them all. */
export const SettingsSchema = v.strictObject({
  /** The deadline of a call without `--timeout`. 0 means none. */
  timeoutSeconds: v.optional(Seconds),
  /** Directories of user commands. The first one that has the command wins. */
  commandsDirectory: v.optional(v.array(Path)),
  policyFile: v.optional(Path),
  /** The longest time that a stopping daemon waits for running calls. */
  drainSeconds: v.optional(Seconds),
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
    }),
  ),
  host: v.optional(
    v.strictObject({
      control: v.optional(Path),
      /** The URI of libvirt. If it is empty, libvirt chooses one. */
      connect: v.optional(v.string()),
      /**
       * Whether to ask libvirt for guests, and whether to search QEMU processes. `auto`: QEMU only without
       * libvirt.
       */
      libvirt: v.optional(v.picklist(["auto", "yes", "no"])),
      qemu: v.optional(v.picklist(["auto", "yes", "no"])),
      rescanSeconds: v.optional(v.pipe(Seconds, v.minValue(1))),
    }),
  ),
  guest: v.optional(
    v.strictObject({
      control: v.optional(Path),
      /** A device, pty or unix socket to use as the port. If it is empty, the port is found by its name. */
      characterDevice: v.optional(OptionalPath),
    }),
  ),
  /** Guests whose sockets the administrator names. */
  guests: v.optional(
    v.array(v.strictObject({ name: v.string(), socket: Path, port: v.optional(v.string()) })),
  ),
  limits: v.optional(LimitsSchema),
});

/** One layer of settings: any part of them, checked. */
export type SettingsLayer = v.InferOutput<typeof SettingsSchema>;

/** The defaults of all settings. */
export const DEFAULTS = {
  timeoutSeconds: 10,
  commandsDirectory: ["/usr/lib/negotiator/commands", "/etc/negotiator/commands"],
  policyFile: "/etc/negotiator/policy.toml",
  drainSeconds: 10,
  log: { level: "info", format: "text" },
  audit: {
    file: "/var/log/negotiator/audit.jsonl",
    maxBytes: 10 * 1024 * 1024,
    keep: 5,
    redactArguments: false,
  },
  host: {
    control: "/run/negotiator/host.sock",
    connect: "",
    libvirt: "auto",
    qemu: "auto",
    rescanSeconds: 30,
  },
  guest: { control: "/run/negotiator/guest.sock", characterDevice: "" },
  guests: [],
  limits: {
    lineBytes: DEFAULT_LIMITS.lineBytes,
    openCalls: DEFAULT_LIMITS.openCalls,
    pingAfterMs: DEFAULT_LIMITS.pingAfterMs,
    unresponsiveAfterMs: DEFAULT_LIMITS.unresponsiveAfterMs,
    abandonAfterMs: DEFAULT_LIMITS.abandonAfterMs,
  },
} satisfies SettingsLayer;

/** All settings: no key is missing. */
export type Settings = Complete<SettingsLayer>;
type Complete<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]-?: Complete<NonNullable<T[K]>> }
    : T;
