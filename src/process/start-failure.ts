/** Explains why a command could not be started, and what to do about it. */
import { errnoOf, NegotiatorError } from "../errors.ts";
import { shellWord } from "../shell-word.ts";
import { explainFiles } from "./executable-fault.ts";
import type { FaultPlace, FileErrno, StartFault } from "./executable-fault.ts";
import { walkLocally } from "./mount-table.ts";
import { askProgram, helperCommand } from "./ask-program.ts";
import { judgeStart } from "./started-files.ts";

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
  if (thrown instanceof NegotiatorError) {
    const isBusy = thrown.code === "BUSY";
    return toPublic(thrown, calledAs, isBusy ? "the machine is too busy" : UNLIMITED.reason);
  }
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
  if (isAboutCgroup(thrown)) return { ...UNLIMITED, problem: `its cgroup cannot be made (${errno})` };
  switch (errno) {
    case "ENOENT":
    case "ENOTDIR":
    case "EACCES":
    case "ENOEXEC":
      return lookAtFiles(errno, attempt);
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

const UNLIMITED = { code: "BAD_CONFIG", reason: "its memoryMaxBytes or tasksMax cannot be set" } as const;

function isAboutCgroup(thrown: unknown): boolean {
  return typeof thrown === "object" && thrown !== null && "step" in thrown && thrown.step === "cgroup";
}

/** A look at a file system that hangs takes place in another process. */
async function lookAtFiles(errno: FileErrno, { argv: [path], cwd, user }: StartAttempt): Promise<StartFault> {
  const place: FaultPlace = { path, cwd, ...(user && { user: { uid: user.uid, gid: user.gid } }) };
  if (judgeStart(path).kind !== "unknown" && walkLocally(cwd) !== undefined)
    return explainFiles(errno, place);
  const { outcome } = await askProgram(helperCommand("explain", [errno, JSON.stringify(place)]), LOOK);
  // The helper is this program.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  if (outcome !== "late" && outcome.exitCode === 0) return JSON.parse(outcome.stdout) as StartFault;
  return {
    code: "NOT_EXECUTABLE",
    problem: `the system does not start it (${errno}), and its file system does not answer`,
    reason: "its file system does not answer",
    remedy: `See where it is: findmnt -T ${shellWord(path)}`,
  };
}

const LOOK = { timeoutMs: 2000, outputBytes: 65_536 };

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
