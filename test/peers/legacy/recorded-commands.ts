/**
 * The commands of the recorded machine, for our server to run, and the outcomes that our client should read.
 */
import * as v from "valibot";
import { NegotiatorError } from "../../../src/errors.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";

type Ran = { stdout: string | Uint8Array; exitCode: number | null; signal: string | null };

const ok = (stdout: string | Uint8Array): Ran => ({ stdout, exitCode: 0, signal: null });
const repr = (word: string): string => (word.includes("'") ? `"${word}"` : `'${word}'`);

/** The output and the end of each command. */
const COMMANDS: Record<string, (args: readonly string[]) => Ran> = {
  "find-ip-addresses": () => ok("127.0.0.1/8\n192.0.2.2/24\n"),
  "find-disk-usage": () => ok("/dev/vda / 270553174016 28801077248\n"),
  "find-distributor-id": () => ok("overridden-by-user-command\n"),
  "find-distribution-release": () => ok("12\n"),
  "echo-args": (args) => ok(`${args.length} [${args.map(repr).join(", ")}]\n`),
  fail3: () => ({ ...ok("partial-out\n"), exitCode: 3 }),
  exit127: () => ({ ...ok(""), exitCode: 127 }),
  killself: () => ({ ...ok(""), exitCode: null, signal: "SIGKILL" }),
  empty: () => ok(""),
  "one-line-padded": () => ok("  x y  \n"),
  "blank-lines": () => ok("\n\n a\nb \n\n\n"),
  unicode: () => ok("naïve ☃ 😀\n"),
  latin1: () => ok(Uint8Array.of(0xff, 0xfe, 0x0a)),
  nul: () => ok("a\0b\n"),
  "two words": (args) => ok(`two-words-ran ${args.join(" ")}\n`),
  big1m: () => ok(`${"x".repeat(1024 * 1024)}\n`),
  nap: ([seconds = ""]) => ok(`slept ${seconds}\n`),
};
const NOT_EXECUTABLE = new Set(["notexec", "noshebang"]);

const Params = v.object({ command: v.string(), args: v.array(v.string()) });

/** Serves a call as a machine with these commands would. */
export function serveRecorded(call: IncomingCall): void {
  if (call.method === "list-commands") {
    call.respond({ commands: RECORDED_NAMES.map((name) => ({ name, kind: "user" })) });
    return;
  }
  const { command, args } = v.parse(Params, call.params);
  const ran = COMMANDS[command]?.(args);
  if (NOT_EXECUTABLE.has(command))
    call.fail(new NegotiatorError("NOT_EXECUTABLE", `Cannot run "${command}"`));
  else if (ran === undefined) call.fail(new NegotiatorError("NO_COMMAND", `Cannot run "${command}"`));
  else void finish(call, ran);
}

async function finish(call: IncomingCall, { stdout, exitCode, signal }: Ran): Promise<void> {
  await call.writer("stdout").write(Buffer.from(stdout));
  call.respond({ exitCode, signal, endedBy: "command", durationMs: 1 });
}

/** Sorted, as our `list-commands` gives them. */
export const RECORDED_NAMES = (
  "big1m blank-lines echo-args echo-stdin empty env-guest exit127 fail3 find-disk-usage " +
  "find-distribution-codename find-distribution-release find-distributor-id find-ip-addresses killself " +
  "latin1 nap noshebang nul one-line-padded two_words unicode"
)
  .split(" ")
  .map((name) => name.replace("_", " "))
  .sort();

/** Our server's answers that differ from the original's, by transcript. MIGRATING.md explains them. */
export const DIFFERENCES: Record<string, { answer: unknown; why: string }> = {
  ...difference(
    ["01-h2g-list-commands", "30-h2g-two-actions-one-call", "02-g2h-list-commands"],
    RECORDED_NAMES,
    "sorted; the original gives the order of a Python set",
  ),
  ...difference(
    ["07-h2g-execute-fail3-no-args", "40-h2g-quiet-fail", "06-g2h-execute-fail3"],
    failed(3, "fail3", "partial-out"),
    "no shell, and no paths of this machine",
  ),
  ...difference(
    ["08-h2g-execute-fail3-with-args"],
    failed(3, "fail3 x", "partial-out"),
    "no paths of this machine",
  ),
  ...difference(
    ["09-h2g-execute-exit127"],
    failed(127, "exit127"),
    "it was there, and chose to exit with 127",
  ),
  ...difference(["10-h2g-execute-killed-by-signal"], failed(-9, "killself x"), "no paths of this machine"),
  ...difference(["19-h2g-execute-not-executable-no-args"], failed(126, "notexec"), "no shell, no paths"),
  ...difference(
    ["20-h2g-execute-not-executable-with-args"],
    failed(126, "notexec x"),
    "the same text with and without arguments, as there is no shell in either case",
  ),
  ...difference(["21-h2g-execute-no-shebang-no-args"], failed(126, "noshebang"), "no shell that guesses"),
  ...difference(
    ["22-h2g-execute-no-shebang-with-args"],
    failed(126, "noshebang x"),
    "the same text in both cases",
  ),
  ...difference(
    ["23-h2g-execute-name-with-space-no-args"],
    "two-words-ran",
    "no shell that takes the name apart: the command runs",
  ),
  ...difference(
    ["26-h2g-execute-shell-injection"],
    missing("'no-such-command; id; echo injected'"),
    "no shell: there is no command of that name",
  ),
  ...difference(["09-g2h-shell-injection-guest-to-host"], missing("'x; id; hostname'"), "no shell"),
  ...difference(
    ["27-h2g-execute-empty-string"],
    { error: "execute takes the command's name and its arguments, as text" },
    "says what is wrong, not where in the program",
  ),
};

function difference(names: string[], answer: unknown, why: string): typeof DIFFERENCES {
  return Object.fromEntries(names.map((name) => [name, { answer, why }]));
}

function failed(exit: number, words: string, output = ""): { error: string } {
  const tail = output === "" ? "" : `\n\nStandard output:\n${output}`;
  return { error: `External command failed with exit code ${exit}!\n\nCommand:\n${words}${tail}` };
}

function missing(words: string): { error: string } {
  return { error: `External command isn't available!\n\nCommand:\n${words}` };
}

/** An outcome of a call, as our client reads it. */
export type ReadOutcome =
  { stdout: string; exitCode: number | null; signal: string | null } | NegotiatorError["code"];

/** The outcome that our client reads from the recorded answer: the command's end, or the error's code. */
export function expectedOutcome(command: string, args: readonly string[]): ReadOutcome {
  if (command === "exit127") return "NO_COMMAND";
  if (command === "latin1") return "INTERNAL";
  if (command === "notexec") return "NOT_EXECUTABLE";
  if (command === "noshebang") return args.length > 0 ? "NOT_EXECUTABLE" : printed("no shebang ran\n");
  if (command === "two words" && args.length === 0) return "NO_COMMAND";
  if (command === "one-line-padded") return printed("x y\n");
  if (command.startsWith("no-such-command;"))
    return printed("uid=0(root) gid=0(root) groups=0(root)\ninjected\n");
  if (command.startsWith("x;")) return printed("uid=0(root) gid=0(root) groups=0(root)\nvm\n");
  const { stdout, ...end } = COMMANDS[command]?.(args) ?? ok("");
  const text = Buffer.from(stdout).toString();
  return { stdout: text, ...end };
}

function printed(stdout: string): ReadOutcome {
  return { stdout, exitCode: 0, signal: null };
}
