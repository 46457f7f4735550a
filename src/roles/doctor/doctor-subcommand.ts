/** Defines the subcommand `doctor` of both roles. */
import type { ArgsDef } from "citty";
import { CONTROL_OPTION, JSON_OPTION } from "../cli/options.ts";
import { defineSubcommand } from "../cli/subcommand.ts";
import type { Invocation, Outcome, Subcommand } from "../cli/subcommand.ts";
import { CANNOT_TELL } from "./finding.ts";

/** The words of `doctor` that differ between the roles. */
export type DoctorWords = {
  summary: string;
  args: ArgsDef;
  examples: readonly string[];
  run: (invocation: Invocation) => Promise<Outcome>;
};

/** Returns the subcommand. */
export function createDoctor({ summary, args, examples, run }: DoctorWords): Subcommand {
  return defineSubcommand({
    summary,
    args: {
      ...args,
      fix: { type: "boolean", description: "Run the remedies that can do no harm, after printing each" },
      ...JSON_OPTION,
      ...CONTROL_OPTION,
    },
    notes:
      "Each line is ok, a warning, a problem, or unknown if it cannot look, as without root. The line " +
      "below has the remedy. With --json each line is { check, level, message, remedy, fix }. " +
      "Exit code: 2 for a problem, 1 for a warning, 3 for wrong usage or if it cannot tell, else 0.",
    errorExit: () => CANNOT_TELL,
    takesBadConfig: true,
    examples,
    run,
  });
}
