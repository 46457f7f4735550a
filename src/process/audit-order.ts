/** The lines between a daemon and the helper that writes its audit. */
import type { SinkLine } from "../audit/line-sink.ts";
import { CommandCounts } from "../audit/command-counts.ts";
import type { CommandCountMembers } from "../audit/command-counts.ts";
import { isFaultCode, NegotiatorError } from "../errors.ts";

/** Sizes and numbers of the files, as in the settings. */
export type AuditSizes = { maxBytes: number; keep: number };

/**
 * An order about the file at `path`. A write has all `lines` in one piece. Its last line is the one that
 * counts as lost if that fails, unless its call `isRefused`.
 */
export type AuditOrder = { path: string } & (
  | {
      do: "write";
      lines: readonly string[];
      time: string;
      command?: string | undefined;
      counts?: CommandCountMembers | undefined;
      isRefused: boolean;
    }
  | { do: "open" | "reopen" | "sync" }
);

/** Returns the order as a line. */
export function formatOrder(order: AuditOrder): string {
  return JSON.stringify(order);
}

/** Returns the order of a line that `formatOrder` has made. */
export function parseOrder(line: string): AuditOrder {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
  return JSON.parse(line) as AuditOrder;
}

/** Returns the order to write a line, after `lines` that come before it. */
export function orderLine(
  path: string,
  lines: readonly string[],
  { time, command, counts }: Omit<SinkLine, "text">,
  isRefused: boolean,
): string {
  return formatOrder({ do: "write", path, lines, time, command, counts: counts?.members(), isRefused });
}

/** Returns the lines of an order to write, each for `Trail.write`. */
export function linesOf(order: Extract<AuditOrder, { do: "write" }>): SinkLine[] {
  const { lines, time, command, counts } = order;
  const last = lines.length - 1;
  return lines.map((text, index) => ({
    text,
    time,
    ...(index === last && { command, counts: counts && CommandCounts.of(counts) }),
  }));
}

/** Returns a problem as a text, for the daemon's log. */
export function formatProblem({ code, message }: NegotiatorError): string {
  return JSON.stringify({ code, message });
}

/** Returns the problem of a text that `formatProblem` has made. */
export function parseProblem(text: string): NegotiatorError {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our helper wrote it
  const { code, message } = JSON.parse(text) as { code: unknown; message: string };
  return new NegotiatorError(isFaultCode(code) ? code : "INTERNAL", message);
}
