/**
 * Owns the process: argv, the role, the exit code, and the last error message. Every command line loads this
 * file and what it imports, so the rest is imported where it is needed.
 */
import { FAULTS, NegotiatorError } from "./errors.ts";
import { printable } from "./printable.ts";
import { print } from "./roles/cli/output.ts";
import type { ManualFile } from "./roles/cli/manual/manual-file.ts";
import type { Roles } from "./roles/cli/manual/program.ts";
import type { Outcome } from "./roles/cli/subcommand.ts";
import { standardOutput } from "./standard-output.ts";

const ROLES = ["host", "guest"] as const;
type Role = (typeof ROLES)[number];

async function start(): Promise<void> {
  try {
    const words = process.argv.slice(2);
    if (words[0] === HELPER_WORD) {
      refuseForeignRights();
      const { runOwnTask } = await import("./roles/cli/own-task.ts");
      const outcome = await runOwnTask(words.slice(1));
      process.exitCode = outcome.exitCode;
      if (outcome.isStuck === true) process.exit();
      return;
    }
    if (words.some((word) => word.includes(REPLACED)))
      (await import("./roles/cli/raw-words.ts")).checkWords(words.length);
    const { exitCode, error, signal, isStuck } = await dispatch(process.argv0, words);
    if (error !== undefined) await report(error);
    const hasLost = await reportLostOutput();
    process.exitCode = hasLost && exitCode === 0 ? 1 : exitCode;
    // A shell leaves its loop only when the program was ended by the same signal as the shell got.
    if (signal !== undefined) (await import("./process/run.ts")).signalSelf(signal);
    if (isStuck === true) process.exit();
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    await report(error);
    process.exitCode = error.code === "BAD_USAGE" ? FAULTS.BAD_USAGE.exitCode : 1;
  }
}

/** As a set-user-ID program it would let anybody start programs as any user. */
function refuseForeignRights(): void {
  if (process.getuid?.() === process.geteuid?.() && process.getgid?.() === process.getegid?.()) return;
  throw new NegotiatorError("DENIED", "This program must not have a set-user-ID or set-group-ID bit", {
    remedy: `Remove it: chmod ug-s ${process.execPath}`,
  });
}

/** `process/ask-program.ts` writes it, when this program starts itself. */
const HELPER_WORD = "--as-helper";

/** The runtime puts it in the place of bytes that are not UTF-8. A word may also have it from the start. */
const REPLACED = "\ufffd";

async function report(error: NegotiatorError): Promise<void> {
  const lines = error.message.split("\n").map(printable);
  await standardOutput.writeSoon("stderr", `negotiator: ${lines.join("\n")}\n`);
  if (error.code === "INTERNAL") await logStack(error.cause);
}

async function logStack(thrown: unknown): Promise<void> {
  const { logFor } = await import("./log.ts");
  if (thrown instanceof Error && thrown.stack !== undefined) logFor("main").debug(thrown.stack);
}

/** Returns whether there was something to report. */
async function reportLostOutput(): Promise<boolean> {
  const lost = standardOutput.lost("stdout");
  if (lost === undefined) return false;
  await standardOutput.writeSoon(
    "stderr",
    `negotiator: Cannot write to stdout: ${printable(lost.message)}\n`,
  );
  return true;
}

async function dispatch(calledAs: string, words: string[]): Promise<Outcome> {
  const [first, ...rest] = words;
  if (first === ANSWER_WORD) return (await import("./roles/daemon/answer-question.ts")).answerQuestion();
  const { roleOfName } = await import("./roles/role-name.ts");
  const named = roleOfName(calledAs);
  if (named === "qemu-ga") return (await import("./roles/guest/qemu-ga.ts")).runQemuGa(calledAs, words);
  if (first === "--version" || first === "-V") return print((await import("./version.ts")).formatVersion());
  if (first === COMPLETE_WORD) return complete(rest, named);
  const role = named ?? ROLES.find((candidate) => candidate === first);
  const [word, ...after] = named === undefined && role !== undefined ? rest : words;
  const ofProgram = PROGRAM_WORDS.find((candidate) => candidate === word);
  if (ofProgram !== undefined) return runProgramWord(ofProgram, role, after);
  if (role !== undefined) return runRole(role, named === undefined ? rest : words);
  if (first === "--help" || first === "-h") return runProgramWord("help", undefined, []);
  const { usageError } = await import("./roles/cli/usage.ts");
  const known = [...ROLES, ...PROGRAM_WORDS, "--help", "--version"];
  const wrong = usageError("role or option", first, known, "negotiator --help");
  if (first === undefined || /^(?:-|$)/.test(first) || wrong.message.includes("Did you mean")) throw wrong;
  throw (await import("./roles/cli/role-forgotten.ts")).roleForgotten(words);
}

/** A shell's completion writes it before the words of a line (`roles/cli/manual/completion.bash`). */
const COMPLETE_WORD = "--complete";

/** Words that stand in the place of a role, or of a subcommand. */
const PROGRAM_WORDS = ["help", "man", "completion"] as const;

async function runProgramWord(
  word: (typeof PROGRAM_WORDS)[number],
  role: Role | undefined,
  rest: readonly string[],
): Promise<Outcome> {
  const { runProgram } = await import("./roles/cli/manual/run-program.ts");
  const ofRole = word === "help" && role !== undefined && rest[0] !== "--help" ? [role] : [];
  return runProgram(word, [...ofRole, ...rest], await loadRoles());
}

async function complete(words: readonly string[], named: Role | undefined): Promise<Outcome> {
  const roles = await loadRoles();
  const { completeLine } = await import("./roles/cli/manual/complete.ts");
  return completeLine(
    words,
    roles,
    roles.find(({ role }) => role === named),
  );
}

async function loadRoles(): Promise<Roles> {
  const [{ HOST }, { GUEST }] = await Promise.all([
    import("./roles/host/cli.ts"),
    import("./roles/guest/cli.ts"),
  ]);
  return [HOST, GUEST];
}

async function manual(): Promise<ManualFile[]> {
  const { manualFiles } = await import("./roles/cli/manual/manual-files.ts");
  return manualFiles(await loadRoles());
}

/** Our parent process writes it, which is this program (`trust/own-program.ts`). */
const ANSWER_WORD = "answer-question";

/** Loads only the code of the chosen role. */
async function runRole(role: Role, words: string[]): Promise<Outcome> {
  if (role === "host") return (await import("./roles/host/cli.ts")).runHost(words, undefined, manual);
  return (await import("./roles/guest/cli.ts")).runGuest(words, undefined, manual);
}

void start();
