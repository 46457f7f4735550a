/** What the audit file has of one call, or of those left out: a line of JSON, bounded in length and harmless to look at. */
import { createHash } from "node:crypto";
import type { FaultCode } from "../errors.ts";
import { printableJson } from "../printable.ts";

/**
 * One call as it is written down; a member that is undefined is left out of the line. `direction` is seen from us:
 * `incoming` calls run here. `rule` and `reason` are the policy's. Everything from `exitCode` on is there for finished
 * calls; `bytes` counts each stream as it went over the channel, `errorCode` says why a call ended without an exit.
 * `problem` is the whole account of an error of which the caller was told less: it has paths of ours and the remedy.
 * `builtin` marks a call that ran a built-in command; as those ignore their arguments, there are no `args`.
 */
export type AuditEntry = {
  role: "host" | "guest";
  direction: "incoming" | "outgoing";
  peer: { guest?: string | undefined; uuid?: string | undefined };
  callId: string;
  method: string;
  command?: string | undefined;
  args?: readonly string[] | undefined;
  builtin?: boolean | undefined;
  decision: "allowed" | "denied";
  rule?: number | string | undefined;
  reason?: string | undefined;
  exitCode?: number | null | undefined;
  signal?: string | null | undefined;
  timedOut?: boolean | undefined;
  cancelled?: boolean | undefined;
  bytes?: { stdin: number; stdout: number; stderr: number } | undefined;
  durationMs?: number | undefined;
  errorCode?: FaultCode | undefined;
  problem?: string | undefined;
};

/**
 * How many entries of a peer were not written (see `audit-limit.ts`); the first came at `sinceMs`, milliseconds since 1970.
 * `ran`: whether they ran commands, other than built-in ones.
 */
export type LeftOut = Pick<AuditEntry, "role" | "peer"> & { ran: boolean; leftOut: number; sinceMs: number };

/**
 * One line without its end, at most 64 KiB: long members and argument lists are cut, and say so. `time` is ISO 8601 in UTC.
 * With `redactArguments` the arguments are replaced by their number and digest.
 */
export function formatAuditLine(entry: AuditEntry, time: string, redactArguments: boolean): string {
  const { role, direction, peer, callId, method, command, args, ...verdict } = entry;
  const { builtin, decision, rule, reason, ...outcome } = verdict;
  const line = {
    time,
    role,
    direction,
    peer: clipPeer(peer),
    callId: clip(callId),
    method: clip(method),
    command: clip(command),
    ...(args === undefined ? {} : formatArguments(args, redactArguments)),
    builtin,
    decision,
    rule,
    reason: clip(reason),
    exitCode: outcome.exitCode,
    signal: clip(outcome.signal),
    timedOut: outcome.timedOut,
    cancelled: outcome.cancelled,
    bytes: outcome.bytes,
    durationMs: outcome.durationMs,
    errorCode: outcome.errorCode,
    problem: clip(outcome.problem),
  };
  return printableJson(JSON.stringify(line));
}

/**
 * The line that stands for entries left out, without its end: `{"time", "event":"left-out", "role", "direction", "peer",
 * "ran", "leftOut", "since"}`. All of them came within one minute from `since`; `time` is when the line was written.
 */
export function formatLeftOut({ role, peer, ran, leftOut, sinceMs }: LeftOut, time: string): string {
  const since = new Date(sinceMs).toISOString();
  const line = { role, direction: "incoming", peer: clipPeer(peer), ran, leftOut, since };
  return printableJson(JSON.stringify({ time, event: "left-out", ...line }));
}

/** Longest text of one member, in UTF-16 units. */
const MEMBER_LENGTH = 512;
/** Most bytes of the list of arguments as it stands in the line, before it is clipped. */
const ARGUMENTS_BYTES = 4096;
/** Of clipped arguments so many are shown, each with an equal share of `ARGUMENTS_BYTES`. */
const CLIPPED_ARGUMENTS = 64;

/** Arguments that are not shown whole have their number and a digest, by which a known call can be recognised. */
function formatArguments(args: readonly string[], isRedacted: boolean): Record<string, unknown> {
  if (!isRedacted && encodedBytes(args) <= ARGUMENTS_BYTES) return { arguments: args };
  const summary = {
    argumentCount: args.length,
    argumentsSha256: createHash("sha256").update(JSON.stringify(args)).digest("hex"),
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

/** What a value has in the line, where a control character or half a character takes six bytes and not one. */
function encodedBytes(value: unknown): number {
  return Buffer.byteLength(printableJson(JSON.stringify(value)));
}

/** The characters at the start of a text that have no more bytes than that in the line, with quotes and a comma. */
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

function clipPeer({ guest, uuid }: AuditEntry["peer"]): AuditEntry["peer"] {
  return { guest: clip(guest), uuid: clip(uuid) };
}

function clip<Missing extends null | undefined>(text: string | Missing): string | Missing {
  return typeof text !== "string" || text.length <= MEMBER_LENGTH ? text : `${text.slice(0, MEMBER_LENGTH)}…`;
}
