/** Owns the steps of the demo and the results that they must have. */
import type { Side } from "./demo-commands.ts";
import type { Finished } from "./demo-processes.ts";

/** One command line of the demo and its expected result. */
export type Step = {
  title: string;
  side: Side;
  /** A shell line, run unchanged. */
  line: string;
  exitCode: number;
  /** Patterns that the output must contain. */
  shows: readonly RegExp[];
  /** The least time between the first and the last output line. Each line is then shown with its time. */
  spreadMs?: number;
  /** How often the step may run until it succeeds, 1 by default. Some steps fail if the machine stalls. */
  tries?: number;
};

/** All steps, in order. */
export const STEPS: readonly Step[] = [
  {
    title: "On the host: which guests can be called?",
    side: "host",
    line: "negotiator host list-guests",
    exitCode: 0,
    shows: [/^web1$/m],
  },
  {
    title: "Which commands does this guest offer? Scripts and built-in commands",
    side: "host",
    line: "negotiator host list-commands web1",
    exitCode: 0,
    shows: [/^kernel-release$/m, /^find-ip-addresses$/m],
  },
  {
    title: "The host runs a command in the guest",
    side: "host",
    line: "negotiator host execute web1 kernel-release",
    exitCode: 0,
    shows: [/^Linux \d/m],
  },
  {
    title: "The guest runs a command on the host, which knows the guest's name",
    side: "guest",
    line: "negotiator guest execute request-backup --full /srv",
    exitCode: 0,
    shows: [/^queued for web1: --full \/srv$/m],
  },
  {
    title: "Output arrives while the command runs",
    side: "host",
    line: "negotiator host execute web1 copy-files",
    exitCode: 0,
    shows: [/^copied file 1 of 5$/m, /^copied file 5 of 5$/m],
    spreadMs: 800,
    tries: 3,
  },
  {
    title: "Standard input is passed on",
    side: "host",
    line: "printf 'pear\\nfig\\napple\\n' | negotiator host execute web1 sort-lines",
    exitCode: 0,
    shows: [/^apple\nfig\npear$/m],
  },
  {
    title: "The exit code of the command is passed on",
    side: "host",
    line: "negotiator host execute web1 check-process backup-agent",
    exitCode: 3,
    shows: [/^backup-agent does not run$/m],
  },
  {
    title: "The guest's policy decides",
    side: "host",
    line: "negotiator host execute web1 wipe-disk",
    exitCode: 126,
    shows: [/the guest's policy forbids it/],
  },
  {
    title: "A deadline of one second ends the command",
    side: "host",
    line: "negotiator host execute --timeout 1 web1 wait-forever",
    exitCode: 124,
    shows: [/its deadline of \d+ s has passed/],
    tries: 3,
  },
  {
    title: "What is the state of the session, seen from the host?",
    side: "host",
    line: "negotiator host status",
    exitCode: 0,
    shows: [/^web1: open, negotiator \d/m],
  },
  {
    title: "And seen from the guest?",
    side: "guest",
    line: "negotiator guest status",
    exitCode: 0,
    shows: [/^host: open, negotiator \d/m],
  },
];

/** Returns how a result differs from the expected one, undefined if it does not. */
export function problemOf(step: Step, { exitCode, lines }: Finished): string | undefined {
  if (exitCode !== step.exitCode) return `its exit code is ${exitCode} instead of ${step.exitCode}`;
  const output = lines.map(({ text }) => text).join("\n");
  const missing = step.shows.find((pattern) => !pattern.test(output));
  if (missing !== undefined) return `its output lacks ${String(missing)}`;
  const spreadMs = (lines.at(-1)?.atMs ?? 0) - (lines[0]?.atMs ?? 0);
  if (spreadMs >= (step.spreadMs ?? 0)) return undefined;
  return `its output came at once, within ${spreadMs.toFixed(0)} ms`;
}
