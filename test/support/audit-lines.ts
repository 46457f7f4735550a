/** Reads audit files. */
import { readFile } from "node:fs/promises";
import { deniedPathOf } from "../../src/audit/audit.ts";
import { until } from "./until.ts";

/** One parsed line. */
export type AuditLine = Record<string, unknown>;

/** Returns the lines of one file, oldest first; none if it does not exist. */
export async function readLines(path: string): Promise<AuditLine[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n").filter(Boolean).map(parse);
}

/**
 * Returns the ends of calls in `path`, and calls that ran nothing from the file beside it, oldest first.
 * Waits for `least` of them: another process writes the files, and a caller does not wait for its last line.
 */
export async function readAudit(path: string, least = 1): Promise<AuditLine[]> {
  return until(`${path} has ${least} lines`, async () => {
    const lines = await readEnds(path);
    return lines.length >= least ? lines : undefined;
  });
}

async function readEnds(path: string): Promise<AuditLine[]> {
  const lines = await Promise.all([readLines(path), readLines(deniedPathOf(path))]);
  return lines
    .flat()
    .filter(({ event }) => event !== "start")
    .toSorted((one, other) => String(one["time"]).localeCompare(String(other["time"])));
}

function parse(line: string): AuditLine {
  return JSON.parse(line);
}
