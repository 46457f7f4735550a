/** Explains why a command could not be started, and what to do about it. */
import { statSync } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { explainForbidden, explainFormat, explainMissingFile } from "./executable-fault.ts";
import type { StartFault } from "./executable-fault.ts";
import { shellWord } from "../shell-word.ts";

/** The start that failed. `calledAs` is the command's name for a caller at the other end. */
export type StartAttempt = {
  calledAs?: string;
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  cwd: string;
  user?: { uid: number; gid: number };
};

/**
 * Returns the error for a failure of `Bun.spawn`. With `calledAs` it is a public error, without paths and
 * users, and its `cause` is the full error. Source of the errno names: execve(2), setuid(2) and clone(2).
 */
export async function explainStartFailure(thrown: unknown, attempt: StartAttempt): Promise<NegotiatorError> {
  const { argv, calledAs } = attempt;
  if (thrown instanceof NegotiatorError) return toPublic(thrown, calledAs, "the machine is too busy");
  const { code, problem, reason, remedy, isForCaller = false } = await explain(thrown, attempt);
  const details = { cause: thrown, ...(remedy === undefined ? {} : { remedy }) };
  if (isForCaller)
    return new NegotiatorError(code, `Cannot run "${calledAs ?? argv[0]}": ${problem}`, details);
  const full = new NegotiatorError(code, `Cannot run "${argv[0]}": ${problem}`, details);
  return toPublic(full, calledAs, reason ?? problem);
}

function toPublic(full: NegotiatorError, calledAs: string | undefined, reason: string): NegotiatorError {
  if (calledAs === undefined) return full;
  return new NegotiatorError(full.code, `Cannot run "${calledAs}": ${reason}`, { cause: full });
}

async function explain(thrown: unknown, attempt: StartAttempt): Promise<StartFault> {
  const [path] = attempt.argv;
  const errno = errnoOf(thrown);
  switch (errno) {
    case "ENOENT":
    case "ENOTDIR":
      // execve gives ENOENT for a missing interpreter too, and Bun for a missing working directory.
      return isDirectory(attempt.cwd) ? explainMissingFile(path) : missingDirectory(attempt.cwd);
    case "EACCES":
      return explainForbidden(path, attempt.user);
    case "ENOEXEC":
      return explainFormat(path);
    case "EPERM":
      return forbidden(attempt);
    case "E2BIG":
      return tooLong(attempt);
    case "ETXTBSY":
      return beingWritten(path);
    default: {
      const known = errno === undefined || !Object.hasOwn(FAULTS, errno) ? undefined : FAULTS[errno];
      const problem = NegotiatorError.from(thrown).message;
      return known ?? { code: "INTERNAL", problem, reason: "the system does not start it" };
    }
  }
}

function missingDirectory(cwd: string): StartFault {
  return {
    code: "INTERNAL",
    problem: `its working directory "${cwd}" is not a directory`,
    reason: "its working directory is missing",
    remedy: "Make that directory, or configure another one",
  };
}

function forbidden({ user }: StartAttempt): StartFault {
  const reason = "the system does not permit it";
  return {
    code: "NOT_EXECUTABLE",
    problem: user === undefined ? reason : `we may not become user ${user.uid}, group ${user.gid}`,
    reason,
    remedy: "Run negotiator as root, and check that no security module forbids it",
  };
}

function tooLong({ argv, env }: StartAttempt): StartFault {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const bytes = [...argv, ...variables].reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
  return {
    code: "TOO_LARGE",
    problem: `its arguments and environment are too long (${bytes} bytes)`,
    remedy: "The limit is 128 KiB an argument and about 2 MiB in all; send more than that on standard input",
    isForCaller: true,
  };
}

function beingWritten(path: string): StartFault {
  return {
    code: "BUSY",
    problem: "another process has it open for writing",
    remedy:
      "Try again. Replace it by renaming a new file over it. " +
      `Find the writer: fuser -v ${shellWord(path)}`,
  };
}

const EXHAUSTED: StartFault = {
  code: "BUSY",
  problem: "the system is out of processes, memory or descriptors",
  remedy: "Wait for other commands, or raise the limits (TasksMax=, LimitNPROC=, LimitNOFILE=)",
};

const FAULTS: Readonly<Record<string, StartFault>> = {
  ELOOP: { code: "NOT_EXECUTABLE", problem: "its symbolic links form a loop" },
  EAGAIN: EXHAUSTED,
  ENOMEM: EXHAUSTED,
  EMFILE: EXHAUSTED,
  ENFILE: EXHAUSTED,
  ERR_INVALID_ARG_VALUE: {
    code: "BAD_REQUEST",
    problem: "an argument or a variable contains a NUL character",
    remedy: "Send such bytes on standard input",
    isForCaller: true,
  },
};

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
