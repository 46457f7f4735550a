/** Shows an installation: a line for each step, or one JSON object at the end. */
import { printable, printableJson } from "../../printable.ts";
import { print } from "../cli/output.ts";
import type { Outcome } from "../cli/subcommand.ts";
import { nameDirectory } from "./mounted-image.ts";
import type { ShownPlace } from "./mounted-image.ts";

/**
 * One step and its result. `command`: the lines of shell that do the same. `oneOf`: the name of many steps
 * that people get as one line.
 */
export type ReportedStep = {
  did: string;
  what: string;
  why: string;
  command: string;
  oneOf?: string | undefined;
};

/** Collects the steps, and prints them as they come, unless the output is for programs. */
export type Report = {
  step(step: ReportedStep): Promise<void>;
  note(text: string): Promise<void>;
  /** Prints the last line, or the JSON object with `facts`. */
  end(line: string, facts: Readonly<Record<string, unknown>>): Promise<Outcome>;
};

/** How the steps are shown: for people, as JSON, or as lines of shell. */
export type ReportForm = "text" | "json" | "shell";

/** Creates a report. `image`: an image that is mounted for the time of the installation. */
export function createReport(form: ReportForm, image?: ShownPlace): Report {
  const show = (text: string): string => (image === undefined ? text : nameDirectory(text, image));
  const steps: Omit<ReportedStep, "oneOf">[] = [];
  const notes: string[] = [];
  const many = createCounter();
  return {
    async step({ oneOf, command, ...words }) {
      const step = { ...words, command: show(command) };
      steps.push(step);
      if (form === "shell" && step.command !== "") await say([`# ${step.why}`, ...step.command.split("\n")]);
      if (form !== "text") return;
      if (oneOf !== undefined) many.add(step, oneOf);
      else await say([...many.take(), formatStep(step)]);
    },
    async note(given) {
      const text = show(given);
      notes.push(text);
      if (form !== "json") await say(many.take().concat(`${form === "shell" ? "# " : ""}${text}`));
    },
    async end(line, facts) {
      const shown = mapTexts(facts, show);
      if (form === "json") return print(printableJson(JSON.stringify({ ...shown, steps, notes })));
      if (form === "text") await say([...many.take(), show(line)]);
      return { exitCode: 0 };
    },
  };
}

function mapTexts(
  facts: Readonly<Record<string, unknown>>,
  change: (text: string) => string,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, fact]) => [key, typeof fact === "string" ? change(fact) : fact]),
  );
}

async function say(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await print(lines.map(printable).join("\n"));
}

function formatStep({ did, what, why }: Omit<ReportedStep, "command" | "oneOf">): string {
  return `${did.padEnd(9)} ${what}${why === "" ? "" : `  (${why})`}`;
}

type Counter = {
  add(step: Omit<ReportedStep, "oneOf">, name: string): void;
  /** Returns a line for each kind of steps since the last time. */
  take(): string[];
};

function createCounter(): Counter {
  const counts = new Map<string, { did: string; name: string; why: string; count: number }>();
  return {
    add({ did, why }, name) {
      const key = JSON.stringify([did, name, why]);
      const found = counts.get(key) ?? { did, name, why, count: 0 };
      counts.set(key, { ...found, count: found.count + 1 });
    },
    take() {
      const lines = [...counts.values()].map(({ did, name, why, count }) =>
        formatStep({ did, what: `${count} ${name}`, why }),
      );
      counts.clear();
      return lines;
    },
  };
}
