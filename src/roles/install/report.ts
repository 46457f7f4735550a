/** Shows an installation: a line for each step, or one JSON object at the end. */
import { printable, printableJson } from "../../printable.ts";
import { print } from "../cli/output.ts";
import type { Outcome } from "../cli/subcommand.ts";

/** One step and its result. `command`: the lines of shell that do the same. */
export type ReportedStep = { did: string; what: string; why: string; command: string };

/** Collects the steps, and prints them as they come, unless the output is for programs. */
export type Report = {
  step(step: ReportedStep): Promise<void>;
  note(text: string): Promise<void>;
  /** Prints the last line, or the JSON object with `facts`. */
  end(line: string, facts: Readonly<Record<string, unknown>>): Promise<Outcome>;
};

/** How the steps are shown: for people, as JSON, or as lines of shell. */
export type ReportForm = "text" | "json" | "shell";

/** Creates a report. */
export function createReport(form: ReportForm): Report {
  const steps: ReportedStep[] = [];
  const notes: string[] = [];
  return {
    async step(step) {
      steps.push(step);
      if (form === "text") {
        await print(
          printable(`${step.did.padEnd(9)} ${step.what}${step.why === "" ? "" : `  (${step.why})`}`),
        );
      } else if (form === "shell" && step.command !== "") {
        const lines = step.command.split("\n");
        await print([`# ${step.why}`, ...lines].map(printable).join("\n"));
      }
    },
    async note(text) {
      notes.push(text);
      if (form !== "json") await print(`${form === "shell" ? "# " : ""}${printable(text)}`);
    },
    end(line, facts) {
      if (form === "text") return print(printable(line));
      if (form === "shell") return Promise.resolve({ exitCode: 0 });
      return print(printableJson(JSON.stringify({ ...facts, steps, notes })));
    },
  };
}
