/** Questions of a host to a guest besides commands: facts, a freeze of its file systems, a shutdown. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import type { Peer, PeerCallOptions } from "./peer.ts";
import { checkResult } from "./remote-command.ts";

/**
 * The commands of the QEMU guest agent's protocol that a native agent answers to its host too. Their answers
 * have the members that this protocol gives them.
 */
export const GUEST_WORDS: readonly string[] = [
  "guest-fsfreeze-freeze",
  "guest-fsfreeze-status",
  "guest-fsfreeze-thaw",
  "guest-get-fsinfo",
  "guest-get-host-name",
  "guest-get-osinfo",
  "guest-get-timezone",
  "guest-get-users",
  "guest-network-get-interfaces",
  "guest-shutdown",
];

const Text = v.optional(v.string());

/** The facts about a guest. A member is absent if its agent does not tell. */
export const GuestFactsSchema = v.object({
  hostName: Text,
  system: Text,
  kernel: Text,
  timeZone: Text,
  interfaces: v.optional(
    v.array(v.object({ name: v.string(), address: Text, addresses: v.array(v.string()) })),
  ),
  users: v.optional(v.array(v.object({ name: v.string(), since: v.string() }))),
  fileSystems: v.optional(
    v.array(
      v.object({
        path: v.string(),
        type: v.string(),
        device: v.string(),
        usedBytes: v.optional(v.number()),
        totalBytes: v.optional(v.number()),
      }),
    ),
  ),
  /** Whether its file systems are frozen. */
  frozen: v.optional(v.boolean()),
});
/** The facts about a guest, parsed. */
export type GuestFacts = v.InferOutput<typeof GuestFactsSchema>;

type Options = Pick<PeerCallOptions, "timeoutMs" | "connectTimeoutMs" | "signal" | "caller">;

/**
 * Asks a guest for all facts. Those that it does not tell are left out. Rejects as `PeerCall.result` does if
 * it tells none.
 */
export async function askFacts(peer: Peer, options: Options): Promise<GuestFacts> {
  let refusal: unknown;
  const ask = async <Schema extends v.GenericSchema>(
    command: string,
    schema: Schema,
  ): Promise<v.InferOutput<Schema> | undefined> => {
    try {
      return await checkResult(peer.call(command, {}, options).result, schema);
    } catch (thrown) {
      const { code } = NegotiatorError.from(thrown);
      if (!LEFT_OUT.has(code)) throw thrown;
      refusal = thrown;
      return undefined;
    }
  };
  // One after the other: a peer counts each of them among its calls, and many programs may ask.
  const name = await ask("guest-get-host-name", HostName);
  const system = await ask("guest-get-osinfo", OsInfo);
  const zone = await ask("guest-get-timezone", TimeZone);
  const interfaces = await ask("guest-network-get-interfaces", Interfaces);
  const users = await ask("guest-get-users", Users);
  const disks = await ask("guest-get-fsinfo", FileSystems);
  const frozen = await ask("guest-fsfreeze-status", v.string());
  const facts: GuestFacts = {
    ...(name && { hostName: name["host-name"] }),
    ...(system && { system: system["pretty-name"] ?? system.name, kernel: system["kernel-release"] }),
    ...(zone && { timeZone: zone.zone ?? formatOffset(zone.offset) }),
    ...(interfaces && { interfaces: interfaces.map(toInterface) }),
    ...(users && { users: users.map(toUser) }),
    ...(disks && { fileSystems: disks.map(toFileSystem) }),
    ...(frozen !== undefined && { frozen: frozen === "frozen" }),
  };
  if (Object.keys(facts).length === 0 && refusal !== undefined) throw refusal;
  return facts;
}

/** Freezes or thaws the guest's file systems. Resolves with their number. */
export async function setFrozen(peer: Peer, word: "freeze" | "thaw", options: Options): Promise<number> {
  return checkResult(peer.call(`guest-fsfreeze-${word}`, {}, options).result, v.number());
}

/** The ways to shut a guest down. */
export const SHUTDOWN_MODES = ["powerdown", "reboot", "halt"] as const;
/** One of them. */
export type ShutdownMode = (typeof SHUTDOWN_MODES)[number];

/** Asks the guest's system to shut down. Resolves when the guest has begun, or at least not refused. */
export async function shutDown(peer: Peer, mode: ShutdownMode, options: Options): Promise<void> {
  await peer.call("guest-shutdown", { mode }, options).result;
}

/** The answers of an agent that does not know the question, may not answer it, or cannot. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "UNSUPPORTED",
  "UNKNOWN_METHOD",
  "DENIED",
  "BUSY",
  "INTERNAL",
  "NOT_EXECUTABLE",
]);

// Source of the members: QEMU's `qga/qapi-schema.json`.
const HostName = v.object({ "host-name": v.string() });
const OsInfo = v.object({ "pretty-name": Text, name: Text, "kernel-release": Text });
const TimeZone = v.object({ zone: Text, offset: v.number() });
const Interfaces = v.array(
  v.object({
    name: v.string(),
    "hardware-address": Text,
    "ip-addresses": v.optional(v.array(v.object({ "ip-address": v.string(), prefix: v.number() })), []),
  }),
);
const Users = v.array(v.object({ user: v.string(), "login-time": v.number() }));
const FileSystems = v.array(
  v.object({
    name: v.string(),
    mountpoint: v.string(),
    type: v.string(),
    "used-bytes": v.optional(v.number()),
    "total-bytes": v.optional(v.number()),
  }),
);

type Interface = NonNullable<GuestFacts["interfaces"]>[number];

function toInterface(given: v.InferOutput<typeof Interfaces>[number]): Interface {
  const addresses = given["ip-addresses"].map((address) => `${address["ip-address"]}/${address.prefix}`);
  return { name: given.name, address: given["hardware-address"], addresses };
}

function toUser(given: v.InferOutput<typeof Users>[number]): { name: string; since: string } {
  const date = new Date(given["login-time"] * 1000);
  return { name: given.user, since: Number.isNaN(date.getTime()) ? "" : date.toISOString() };
}

function toFileSystem(
  given: v.InferOutput<typeof FileSystems>[number],
): NonNullable<GuestFacts["fileSystems"]>[number] {
  const { name: device, mountpoint: path, type } = given;
  return { path, type, device, usedBytes: given["used-bytes"], totalBytes: given["total-bytes"] };
}

/** Formats an offset in seconds, as in `UTC+02:00`. */
function formatOffset(seconds: number): string {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  const sign = seconds < 0 ? "-" : "+";
  return `UTC${sign}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
}
