/** Says why a command could not be started, and what to do about it. */
import { accessSync, constants, statSync } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";

/** What was tried. `calledAs` is the command's name for a caller at the other end, who is to learn no more than it needs. */
export type StartAttempt = {
  calledAs?: string;
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  cwd: string;
  user?: { uid: number; gid: number };
};

/**
 * `problem` and `remedy` are for the machine's administrator. A caller at the other end is told `reason`, or the problem
 * where that says nothing of the machine; with `isCallers` the remedy, too, is the caller's to follow.
 */
type Explanation = {
  code: FaultCode;
  problem: string;
  reason?: string;
  remedy?: string;
  isCallers?: boolean;
};

/**
 * Turns what `Bun.spawn` threw into an error of ours; errno names are those of execve(2), setuid(2) and clone(2). With
 * `calledAs` it is a short account without paths and users, whose cause is the whole one, also an error of ours.
 */
export async function explainStartFailure(thrown: unknown, attempt: StartAttempt): Promise<NegotiatorError> {
  const { argv, calledAs } = attempt;
  if (thrown instanceof NegotiatorError)
    return shorten(thrown, calledAs, "the system has no room for it now");
  const { code, problem, reason, remedy, isCallers = false } = await explain(thrown, attempt);
  const details = { cause: thrown, ...(remedy === undefined ? {} : { remedy }) };
  if (isCallers) return new NegotiatorError(code, `Cannot run "${calledAs ?? argv[0]}": ${problem}`, details);
  const whole = new NegotiatorError(code, `Cannot run "${argv[0]}": ${problem}`, details);
  return shorten(whole, calledAs, reason ?? problem);
}

function shorten(whole: NegotiatorError, calledAs: string | undefined, reason: string): NegotiatorError {
  if (calledAs === undefined) return whole;
  return new NegotiatorError(whole.code, `Cannot run "${calledAs}": ${reason}`, { cause: whole });
}

async function explain(thrown: unknown, attempt: StartAttempt): Promise<Explanation> {
  const [path] = attempt.argv;
  switch (errnoOf(thrown)) {
    case "ENOENT":
    case "ENOTDIR":
      return explainMissing(attempt);
    case "EACCES":
      return explainForbidden(attempt);
    case "ENOEXEC":
      return explainFormat(path);
    case "ELOOP":
      return { code: "NOT_EXECUTABLE", problem: "its symbolic links go round in a circle" };
    case "E2BIG":
      return {
        code: "TOO_LARGE",
        problem: `its arguments and environment are too long (${countBytes(attempt)} bytes)`,
        remedy:
          "One argument may have 128 KiB, all together about 2 MiB; send more than that on standard input",
        isCallers: true,
      };
    case "ETXTBSY":
      return {
        code: "BUSY",
        problem: "another process has it open for writing",
        remedy: `Try again. Replace it by renaming a new file over it. Find the writer with: fuser -v ${path}`,
      };
    case "EPERM":
      return {
        code: "NOT_EXECUTABLE",
        problem:
          attempt.user === undefined
            ? "the system does not permit it"
            : `we may not become user ${attempt.user.uid}, group ${attempt.user.gid}`,
        reason: "the system does not permit it",
        remedy: "Run negotiator as root, and look for a security module that forbids it",
      };
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return {
        code: "BUSY",
        problem: "the system is out of processes, memory or descriptors",
        remedy: "Let other commands end first, or raise the limits (TasksMax=, LimitNPROC=, LimitNOFILE=)",
      };
    case "ERR_INVALID_ARG_VALUE":
      return {
        code: "BAD_REQUEST",
        problem: "an argument or a variable contains a NUL character",
        remedy: "Send such bytes on standard input",
        isCallers: true,
      };
    default:
      return {
        code: "INTERNAL",
        problem: NegotiatorError.from(thrown).message,
        reason: "the system does not start it",
      };
  }
}

/** execve says ENOENT for a missing interpreter too, and Bun for a missing working directory. */
async function explainMissing({ argv: [path], cwd }: StartAttempt): Promise<Explanation> {
  if (!isDirectory(cwd)) {
    return {
      code: "INTERNAL",
      problem: `its working directory "${cwd}" is not a directory`,
      reason: "its working directory is missing",
      remedy: "Make that directory, or configure another one",
    };
  }
  if (!isThere(path))
    return { code: "NO_COMMAND", problem: "no such file", reason: "it is not there any more" };
  const interpreter = interpreterIn(await readHead(path));
  if (interpreter === undefined) {
    return {
      code: "NOT_EXECUTABLE",
      problem: "the file is there, but the loader it was linked for is missing",
      remedy: `Install the C library it needs; this names it: file ${path}`,
    };
  }
  if (interpreter.endsWith("\r")) {
    return {
      code: "NOT_EXECUTABLE",
      problem: `the file is there, but its "#!" line ends with a carriage return`,
      remedy: `Give it Unix line ends: sed -i 's/\\r$//' ${path}`,
    };
  }
  return {
    code: "NOT_EXECUTABLE",
    problem: `the file is there, but its interpreter "${interpreter}" is missing`,
    reason: "its interpreter is missing",
    remedy: `Install the interpreter, or correct the "#!" line`,
  };
}

function explainForbidden({ argv: [path], user }: StartAttempt): Explanation {
  const code = "NOT_EXECUTABLE";
  if (isDirectory(path)) return { code, problem: "it is a directory" };
  if (user === undefined && !isExecutable(path)) {
    return { code, problem: "it has no executable bit", remedy: `Set it with: chmod 755 ${path}` };
  }
  return {
    code,
    reason: "permission denied",
    problem: `permission denied${user === undefined ? "" : ` for user ${user.uid}, group ${user.gid}`}`,
    remedy: `Check its mode, its "#!" interpreter, the directories above, and for a noexec mount: namei -l ${path}`,
  };
}

async function explainFormat(path: string): Promise<Explanation> {
  const head = await readHead(path);
  if (head.startsWith("\u007fELF")) {
    return { code: "NOT_EXECUTABLE", problem: "it is damaged, or was built for another kind of machine" };
  }
  return {
    code: "NOT_EXECUTABLE",
    problem: `it has no "#!" line that names its interpreter`,
    remedy: `Add a first line such as: #!/bin/sh`,
  };
}

/** The program that a script's first line names, undefined where there is no such line. */
function interpreterIn(head: string): string | undefined {
  return /^#![ \t]*([^ \t\n]+)/.exec(head)?.[1];
}

/** The kernel looks at no more of the first line than this (BINPRM_BUF_SIZE). */
const HEAD_BYTES = 256;

async function readHead(path: string): Promise<string> {
  try {
    return await Bun.file(path).slice(0, HEAD_BYTES).text();
  } catch {
    return "";
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function countBytes({ argv, env }: StartAttempt): number {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [...argv, ...variables].reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
}
