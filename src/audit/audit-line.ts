/** Formats the lines of the audit file: JSON, bounded in length, without control characters. */
import type { FaultCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { clipBytes, encodedBytes, startOf } from "./clip.ts";
import type { CommandCounts } from "./command-counts.ts";

/** The other end of a call, as the channel identifies it. The host has neither name nor uuid. */
export type AuditPeer = { guest?: string | undefined; uuid?: string | undefined };

/** The local user that made an outgoing call, or that the other side names as the source of its call. */
export type AuditUser = { uid?: number; name?: string; pid?: number; program?: string };

/**
 * The end of a call that ran something. `bytes` counts each stream as it went over the channel. `builtin`
 * marks a built-in command.
 */
export type AuditResult = {
  builtin?: boolean | undefined;
  exitCode?: number | null | undefined;
  signal?: string | null | undefined;
  endedBy?: string | undefined;
  bytes?: { stdin: number; stdout: number; stderr: number } | undefined;
};

/**
 * One call or notice. Undefined members are left out of the line. `event` is there if the call starts now;
 * an entry without it is about the end of a call, or about a call that ran nothing. `direction` is seen from
 * us: `incoming` calls run here. `peer` made an incoming call, or gets an outgoing one. A notice has no
 * `callId`. `command` or `path` is there if the resource is one, and `args` with it. `rule` and `reason` come
 * from the policy. `errorCode` is the reason why a call ended without an exit. `problem` is the full message
 * of an error whose caller got a public one; it may have our paths in it.
 */
export type AuditEntry = AuditResult & {
  event?: "start" | undefined;
  role: "host" | "guest";
  direction: "incoming" | "outgoing" | "local";
  peer: AuditPeer;
  callId?: string | undefined;
  method: string;
  user?: AuditUser | undefined;
  command?: string | undefined;
  path?: string | undefined;
  args?: readonly string[] | undefined;
  /** The names of the variables that the caller gives to a program. */
  variables?: readonly string[] | undefined;
  decision: "allowed" | "denied";
  rule?: number | string | undefined;
  reason?: string | undefined;
  durationMs?: number | undefined;
  errorCode?: FaultCode | undefined;
  problem?: string | undefined;
};

/**
 * The number of entries of a caller that were not written (see `audit-limit.ts`). The caller is `peer` if the
 * calls are incoming, otherwise `user`. The first came at `sinceMs`, in milliseconds since 1970. `ran`: they
 * ran commands.
 */
export type LeftOut = Pick<AuditEntry, "role" | "direction" | "peer" | "user"> & {
  ran: boolean;
  leftOut: number;
  sinceMs: number;
  counts: CommandCounts;
};

/**
 * Returns one line without its end, at most 16 KiB. Long members and argument lists are shortened and marked.
 * `time` is ISO 8601 in UTC. With `redactArguments` the arguments are replaced by their count and digest.
 */
export function formatAuditLine(entry: AuditEntry, time: string, redactArguments: boolean): string {
  const { event, role, direction, peer, callId, method, user, command, path, args, variables, ...verdict } =
    entry;
  const { builtin, decision, rule, reason, ...outcome } = verdict;
  const line = {
    time,
    event,
    role,
    direction,
    ...(direction === "local" ? {} : { peer: clipPeer(peer) }),
    callId: clip(callId),
    method: clip(method),
    user: clipUser(user),
    command: clip(command),
    path: clip(path),
    ...(args === undefined ? {} : formatArguments(args, redactArguments)),
    variables: clip(variables?.join(" "), TEXT_BYTES),
    builtin,
    decision,
    rule: typeof rule === "number" ? rule : clip(rule),
    reason: clip(reason, TEXT_BYTES),
    exitCode: outcome.exitCode,
    signal: clip(outcome.signal),
    endedBy: clip(outcome.endedBy),
    bytes: outcome.bytes,
    durationMs: outcome.durationMs,
    errorCode: outcome.errorCode,
    problem: clip(outcome.problem, TEXT_BYTES),
  };
  return printableJson(JSON.stringify(line));
}

/**
 * Returns the line that replaces entries left out, without its end: `{"time", "event":"left-out", "role",
 * "direction", "peer" or "user", "ran", "leftOut", "commands", "otherCommands", "since"}`. All of them came
 * within one minute after `since`; `time` is when the line is written.
 */
export function formatLeftOut(
  { role, direction, peer, user, ran, leftOut, sinceMs, counts }: LeftOut,
  time: string,
): string {
  const since = new Date(sinceMs).toISOString();
  const caller = direction === "incoming" ? { peer: clipPeer(peer) } : { user: clipUser(user) };
  const line = { role, direction, ...caller, ran, leftOut, ...counts.members(), since };
  return printableJson(JSON.stringify({ time, event: "left-out", ...line }));
}

/** Entries that could not be written to one file. The first came at `since`, which is ISO 8601. */
export type Lost = { lines: number; since: string; counts: CommandCounts };

/**
 * Returns the line that replaces lost ones, without its end: `{"time", "event":"lost", "lostLines",
 * "commands", "otherCommands", "since"}`.
 */
export function formatLost({ lines, since, counts }: Lost, time: string): string {
  return printableJson(JSON.stringify({ time, event: "lost", lostLines: lines, ...counts.members(), since }));
}

/** Longest text of a name and of a sentence, in bytes of the line. */
const NAME_BYTES = 512;
const TEXT_BYTES = 1024;
/** A longer argument list, in bytes of the line, is shortened. */
const ARGUMENTS_BYTES = 4096;
/** A shortened list shows so many arguments, each with an equal share of `ARGUMENTS_BYTES`. */
const CLIPPED_ARGUMENTS = 64;
/** Quotes and a comma. */
const AROUND_ARGUMENT_BYTES = 3;

/**
 * Cuts a long list to its first arguments. Count and digest of all keep equal calls recognisable. A redacted
 * list has only count and digest.
 */
function formatArguments(args: readonly string[], isRedacted: boolean): Record<string, unknown> {
  if (!isRedacted && areShort(args)) return { arguments: args };
  const summary = {
    argumentCount: args.length,
    argumentsSha256: new Bun.CryptoHasher("sha256").update(JSON.stringify(args)).digest("hex"),
  };
  if (isRedacted) return summary;
  const shown = args.slice(0, CLIPPED_ARGUMENTS);
  const share = Math.floor(ARGUMENTS_BYTES / shown.length) - AROUND_ARGUMENT_BYTES;
  return {
    arguments: shown.map((argument) => startOf(argument, share)),
    argumentsClipped: true,
    ...summary,
  };
}

function areShort(args: readonly string[]): boolean {
  let units = 0;
  for (const { length } of args) units += length + AROUND_ARGUMENT_BYTES;
  return units <= ARGUMENTS_BYTES + 1 && encodedBytes(args) <= ARGUMENTS_BYTES;
}

function clipPeer({ guest, uuid }: AuditPeer): AuditPeer {
  return { guest: clip(guest), uuid: clip(uuid) };
}

function clipUser(user: AuditUser | undefined): object | undefined {
  return user && { ...user, name: clip(user.name), program: clip(user.program) };
}

function clip<Missing extends null | undefined>(
  text: string | Missing,
  bytes = NAME_BYTES,
): string | Missing {
  return typeof text === "string" ? clipBytes(text, bytes) : text;
}
