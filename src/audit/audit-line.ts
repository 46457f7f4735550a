/** Formats the lines of the audit file: JSON, bounded in length, without control characters. */
import type { FaultCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { shorten } from "../shorten.ts";

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
 * One call or notice. Undefined members are left out of the line. `direction` is seen from us: `incoming`
 * calls run here. `peer` made an incoming call, or gets an outgoing one. A notice has no `callId`. `command`
 * and `args` are there if the resource is a command. `rule` and `reason` come from the policy. `errorCode` is
 * the reason why a call ended without an exit. `problem` is the full message of an error whose caller got a
 * public one; it may have our paths in it.
 */
export type AuditEntry = AuditResult & {
  role: "host" | "guest";
  direction: "incoming" | "outgoing";
  peer: AuditPeer;
  callId?: string | undefined;
  method: string;
  user?: AuditUser | undefined;
  command?: string | undefined;
  args?: readonly string[] | undefined;
  decision: "allowed" | "denied";
  rule?: number | string | undefined;
  reason?: string | undefined;
  durationMs?: number | undefined;
  errorCode?: FaultCode | undefined;
  problem?: string | undefined;
};

/**
 * The number of entries of a peer that were not written (see `audit-limit.ts`). The first came at `sinceMs`,
 * in milliseconds since 1970. `ran`: they ran user commands.
 */
export type LeftOut = Pick<AuditEntry, "role" | "peer"> & { ran: boolean; leftOut: number; sinceMs: number };

/**
 * Returns one line without its end, at most 64 KiB. Long members and argument lists are shortened and marked.
 * `time` is ISO 8601 in UTC. With `redactArguments` the arguments are replaced by their count and digest.
 */
export function formatAuditLine(entry: AuditEntry, time: string, redactArguments: boolean): string {
  const { role, direction, peer, callId, method, user, command, args, ...verdict } = entry;
  const { builtin, decision, rule, reason, ...outcome } = verdict;
  const line = {
    time,
    role,
    direction,
    peer: clipPeer(peer),
    callId: clip(callId),
    method: clip(method),
    user: user && { ...user, name: clip(user.name), program: clip(user.program) },
    command: clip(command),
    ...(args === undefined ? {} : formatArguments(args, redactArguments)),
    builtin,
    decision,
    rule,
    reason: clip(reason),
    exitCode: outcome.exitCode,
    signal: clip(outcome.signal),
    endedBy: outcome.endedBy,
    bytes: outcome.bytes,
    durationMs: outcome.durationMs,
    errorCode: outcome.errorCode,
    problem: clip(outcome.problem),
  };
  return printableJson(JSON.stringify(line));
}

/**
 * Returns the line that replaces entries left out, without its end: `{"time", "event":"left-out", "role",
 * "direction", "peer", "ran", "leftOut", "since"}`. All of them came within one minute after `since`; `time`
 * is when the line is written.
 */
export function formatLeftOut({ role, peer, ran, leftOut, sinceMs }: LeftOut, time: string): string {
  const since = new Date(sinceMs).toISOString();
  const line = { role, direction: "incoming", peer: clipPeer(peer), ran, leftOut, since };
  return printableJson(JSON.stringify({ time, event: "left-out", ...line }));
}

/** Longest text of one member, in UTF-16 units. */
const MEMBER_LENGTH = 512;
/** A longer argument list, in bytes of the line, is shortened. */
const ARGUMENTS_BYTES = 4096;
/** A shortened list shows so many arguments, each with an equal share of `ARGUMENTS_BYTES`. */
const CLIPPED_ARGUMENTS = 64;

/**
 * Cuts a long list to its first arguments. Count and digest of all keep equal calls recognisable. A redacted
 * list has only count and digest.
 */
function formatArguments(args: readonly string[], isRedacted: boolean): Record<string, unknown> {
  if (!isRedacted && encodedBytes(args) <= ARGUMENTS_BYTES) return { arguments: args };
  const summary = {
    argumentCount: args.length,
    argumentsSha256: new Bun.CryptoHasher("sha256").update(JSON.stringify(args)).digest("hex"),
  };
  if (isRedacted) return summary;
  const shown = args.slice(0, CLIPPED_ARGUMENTS);
  const share = Math.floor(ARGUMENTS_BYTES / shown.length);
  return {
    arguments: shown.map((argument) => clipBytes(argument, share)),
    argumentsClipped: true,
    ...summary,
  };
}

/** The bytes of a value in the line. A control character takes six bytes there, not one. */
function encodedBytes(value: unknown): number {
  return Buffer.byteLength(printableJson(JSON.stringify(value)));
}

/** The start of a text that takes at most `bytes` in the line, with quotes and a comma. */
function clipBytes(text: string, bytes: number): string {
  let left = bytes - 3;
  let length = 0;
  for (const character of text) {
    left -= encodedBytes(character) - 2;
    if (left < 0) break;
    length += character.length;
  }
  return text.slice(0, length);
}

function clipPeer({ guest, uuid }: AuditPeer): AuditPeer {
  return { guest: clip(guest), uuid: clip(uuid) };
}

function clip<Missing extends null | undefined>(text: string | Missing): string | Missing {
  return typeof text === "string" ? shorten(text, MEMBER_LENGTH) : text;
}
