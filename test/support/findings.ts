/** Reads what `doctor` prints with `--json`. */
import type { Level } from "../../src/roles/doctor/finding.ts";

/** A finding, as a program gets it. */
export type PrintedFinding = {
  check: string;
  level: Level;
  message: string;
  remedy: string | null;
  fix: string | null;
};

/** Returns the findings of a check, or all without its name. */
export function readFindings(stdout: string, check?: string): PrintedFinding[] {
  const lines = stdout.split("\n").filter((line) => line !== "");
  const all: PrintedFinding[] = lines.map((line) => JSON.parse(line));
  return check === undefined ? all : all.filter((finding) => finding.check === check);
}
