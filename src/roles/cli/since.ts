/** Reads the time of `--since`. */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A day, and a time of that day with or without a zone. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Returns milliseconds since 1970. `text` is a span before `nowMs` such as `10m`, a day, or a time as ISO
 * 8601 writes it; without a zone it is local time. Throws `BAD_USAGE` for another text.
 */
export function readSince(text: string, nowMs: number): number {
  const span = /^(\d{1,9}(?:\.\d{1,3})?)([smhdw])$/.exec(text);
  if (span !== null) return nowMs - Number(span[1]) * (UNIT_MS[span[2] ?? ""] ?? 0);
  const [, day = "", time = "00:00", zone = ""] = MOMENT.exec(text) ?? [];
  const timeMs = Date.parse(`${day}T${time}${zone}`);
  if (day === "" || Number.isNaN(timeMs) || !isDay(day)) throw badSince(text);
  return timeMs;
}

/** A date such as 2026-02-31 would be taken for a day in March. */
function isDay(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}

function badSince(text: string): NegotiatorError {
  const problem = `--since must be a span of time, a day or a time; this is "${printable(text)}"`;
  return new NegotiatorError("BAD_USAGE", problem, {
    remedy: 'Write for example: --since 10m, --since 2h, --since 2026-11-30 or --since "2026-11-30 08:15"',
  });
}
