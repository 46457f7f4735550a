/** What the demo shows, step by step, and what each step must bring. */
import type { Side } from "./demo-commands.ts";
import type { Finished } from "./demo-processes.ts";

export type Step = {
  title: string;
  side: Side;
  /** A line of shell, run as it stands. */
  line: string;
  exitCode: number;
  /** All of these must be in what the line prints. */
  shows: readonly RegExp[];
  /** The output must come over at least this time; each of its lines is shown with the second it came in. */
  spreadMs?: number;
  /** How often it may be played until it succeeds, once by default: some go wrong when the machine stands still. */
  tries?: number;
};

export const STEPS: readonly Step[] = [
  {
    title: "On the host: which guests can be called?",
    side: "host",
    line: "negotiator host list-guests",
    exitCode: 0,
    shows: [/^web1$/m],
  },
  {
    title: "What does this guest offer? Its own scripts, and the built-in commands",
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
    title: "In the guest: it runs a command on the host, which knows who calls",
    side: "guest",
    line: "negotiator guest execute request-backup --full /srv",
    exitCode: 0,
    shows: [/^queued for web1: --full \/srv$/m],
  },
  {
    title: "Output comes while the command runs",
    side: "host",
    line: "negotiator host execute web1 copy-files",
    exitCode: 0,
    shows: [/^copied file 1 of 5$/m, /^copied file 5 of 5$/m],
    spreadMs: 800,
    tries: 3,
  },
  {
    title: "Input goes along",
    side: "host",
    line: "printf 'pear\\nfig\\napple\\n' | negotiator host execute web1 sort-lines",
    exitCode: 0,
    shows: [/^apple\nfig\npear$/m],
  },
  {
    title: "The command's exit code is ours",
    side: "host",
    line: "negotiator host execute web1 check-process backup-agent",
    exitCode: 3,
    shows: [/^backup-agent does not run$/m],
  },
  {
    title: "The guest's policy has the last word",
    side: "host",
    line: "negotiator host execute web1 wipe-disk",
    exitCode: 126,
    shows: [/the guest's policy forbids it/],
  },
  {
    title: "A deadline of one second ends what takes longer",
    side: "host",
    line: "negotiator host execute --timeout 1 web1 wait-forever",
    exitCode: 124,
    shows: [/its deadline of \d+ s has passed/],
    tries: 3,
  },
  {
    title: "How do both sides fare?",
    side: "host",
    line: "negotiator host status",
    exitCode: 0,
    shows: [/^web1: open, negotiator \d/m],
  },
  {
    title: "And seen from the guest",
    side: "guest",
    line: "negotiator guest status",
    exitCode: 0,
    shows: [/^host: open, negotiator \d/m],
  },
];

/** What a step brought that it should not have, or did not bring; undefined when all is well. */
export function problemOf(step: Step, { exitCode, lines }: Finished): string | undefined {
  if (exitCode !== step.exitCode) return `its exit code is ${exitCode} instead of ${step.exitCode}`;
  const output = lines.map(({ text }) => text).join("\n");
  const missing = step.shows.find((pattern) => !pattern.test(output));
  if (missing !== undefined) return `its output lacks ${String(missing)}`;
  const spreadMs = (lines.at(-1)?.atMs ?? 0) - (lines[0]?.atMs ?? 0);
  if (spreadMs >= (step.spreadMs ?? 0)) return undefined;
  return `its output came at once, within ${spreadMs.toFixed(0)} ms`;
}
