/** A started process: its pipes, its end, and how a failed start is found out. */
import { closeSync } from "node:fs";
import { awaitAdopted } from "./adopted-child.ts";
import { removeCgroup } from "./command-cgroup.ts";
import type { CgroupPlan } from "./command-cgroup.ts";
import { holdOutput } from "./held-output.ts";
import type { FrozenOutput, HeldOutput } from "./held-output.ts";
import { mayExecute } from "./libc-process.ts";
import type { ExitFacts, Ids } from "./libc-process.ts";
import type { LateDescriptor } from "./late-output.ts";
import { walkLocally } from "./mount-table.ts";
import { readInto, setNonBlocking } from "./libc.ts";
import { noteChild, noteDescriptor } from "./kept-resources.ts";
import { signalGroup } from "./process-group.ts";
import { NOWHERE } from "./pump.ts";
import type { ByteSink } from "./pump.ts";
import { settlesWithin } from "./settling.ts";
import { readToolError, TOOL_FAILURES } from "./user-tool.ts";
import { ALL_DONE } from "./start-in-place.ts";
import { endCarriers } from "./carriers.ts";
import type { CarriedPipe } from "./carriers.ts";
import type { ProcessId } from "../trust/host-process.ts";
import type { StartReport } from "./start-in-place.ts";
import { judgeStart } from "./started-files.ts";

/** Where its output can be read. */
type OutputEnd = number | LateDescriptor | undefined;

/** A started process. */
export type Child = {
  pid: number;
  /** Sends a signal to its group, unless it has been reaped. */
  signal(name: NodeJS.Signals): void;
  exit: Promise<ExitFacts>;
  stdin: { fd: number; source: AsyncIterable<Uint8Array> } | undefined;
  /** Undefined for an output that nothing reads. */
  stdoutEnd: OutputEnd;
  stderrEnd: OutputEnd;
  /** Where its standard error goes. */
  stderr: ByteSink;
  /**
   * After its exit: resolves with the error if a helper ended without starting the command. `stderrEnded`
   * resolves when its standard error has been read to the end.
   */
  findFailure(exit: ExitFacts, stderrEnded: Promise<void>): Promise<unknown>;
  /** Passes on what was held back of its standard error, which is the command's own. */
  passOnHeld(): Promise<void>;
  /** Frees what outlives it. */
  release(): void;
  /** Its output is not read any longer: ends the processes that carry it. */
  endCarriers(): void;
  /** Returns the process as plain data, for the program that replaces this one. */
  freeze(): FrozenChild;
};

/** The numbers of a started process and of our ends of its pipes, its executable, and its user. */
export type ChildFacts = {
  pid: number;
  stdinFd?: number;
  stdoutFd?: number;
  stderrFd?: number;
  reportFd?: number;
  cgroup?: CgroupPlan;
  path: string;
  user?: Ids;
  /** A program of an older release does not tell. */
  carriers?: readonly ProcessId[];
};

/** A process as plain data. `exit` is known once it has been reaped. */
export type FrozenChild = ChildFacts & { exit?: ExitFacts; held?: FrozenOutput };

type ChildOptions = {
  exit: Promise<ExitFacts>;
  isReaped: () => boolean;
  /** Holds its standard error back while it may be that of a helper. */
  held: HeldOutput | undefined;
  /** Its pipes with carriers. */
  carried?: readonly CarriedPipe[];
  outputs: { stdout: OutputEnd; stderr: OutputEnd };
  stdin: AsyncIterable<Uint8Array> | null;
  stderr: ByteSink | null;
};

const running = new Set<number>();

/** Returns the ids of the processes that run: commands, and programs that this one watches. */
export function runningChildren(): number[] {
  return [...running];
}

/** Returns the process with these facts. */
export function createChild(facts: ChildFacts, options: ChildOptions): Child {
  const { exit, isReaped, held, stdin, stderr, carried = [], outputs } = options;
  const carriers = (): readonly ProcessId[] => [
    ...(facts.carriers ?? []),
    ...carried
      .flatMap(({ carrier }) => carrier() ?? [])
      .map(({ pid: id, startTicks }) => ({ pid: id, startTicks })),
  ];
  const { pid, stdinFd, cgroup, path, user } = facts;
  let { reportFd } = facts;
  let ended: ExitFacts | undefined;
  running.add(pid);
  const setEnded = (how: ExitFacts): void => {
    ended = how;
    running.delete(pid);
  };
  void exit.then(setEnded);
  return {
    pid,
    signal(name) {
      // The process is reaped in the turn in which this is set. Until then, the number stays in use.
      if (!isReaped()) signalGroup(pid, name);
    },
    exit,
    stdin: stdinFd === undefined || stdin === null ? undefined : { fd: stdinFd, source: stdin },
    stdoutEnd: outputs.stdout,
    stderrEnd: outputs.stderr,
    stderr: held ?? stderr ?? NOWHERE,
    async findFailure(how, stderrEnded) {
      if (reportFd !== undefined) return readReport(reportFd, how.signal !== null);
      if (held === undefined || user === undefined) return undefined;
      return readWords(held, { ended: how, stderrEnded, path, user });
    },
    passOnHeld: async () => held?.passOn(),
    release() {
      if (reportFd !== undefined) closeSync(reportFd);
      reportFd = undefined;
      if (cgroup !== undefined) removeCgroup(cgroup);
    },
    endCarriers() {
      for (const pipe of carried) pipe.leave();
      endCarriers(carriers());
    },
    freeze() {
      const { reportFd: _, ...rest } = facts;
      const frozen = held?.freeze();
      if (reportFd !== undefined) noteDescriptor(reportFd);
      noteChild(facts.pid);
      return {
        ...rest,
        ...numbered("stdoutFd", outputs.stdout),
        ...numbered("stderrFd", outputs.stderr),
        carriers: carriers(),
        ...(reportFd !== undefined && { reportFd }),
        ...(ended !== undefined && { exit: ended }),
        ...(frozen !== undefined && { held: frozen }),
      };
    },
  };
}

function numbered(name: "stdoutFd" | "stderrFd", end: OutputEnd): Pick<ChildFacts, typeof name> {
  const fd = typeof end === "object" ? end.fd : end;
  return fd === undefined ? {} : { [name]: fd };
}

/** Goes on with a process that another program has started in the same process as ours. */
export function adoptChild(
  frozen: FrozenChild,
  { stdin, stderr }: Pick<ChildOptions, "stdin" | "stderr">,
): Child {
  const { exit: known, held, ...facts } = frozen;
  let isReaped = known !== undefined;
  const exit =
    known === undefined ? awaitAdopted(facts.pid, () => void (isReaped = true)) : Promise.resolve(known);
  const holding = held && holdOutput(held.name, stderr ?? NOWHERE, held.bytes);
  const outputs = { stdout: facts.stdoutFd, stderr: facts.stderrFd };
  return createChild(facts, { exit, isReaped: () => isReaped, held: holding, outputs, stdin, stderr });
}

const REPORT_BYTES = 4096;

/** The helper has ended, so all that it will ever report is there. A caller may have ended it before. */
function readReport(fd: number, isKilled: boolean): unknown {
  setNonBlocking(fd);
  const room = new Uint8Array(REPORT_BYTES);
  const text = Buffer.from(room.subarray(0, Math.max(readInto(fd, room), 0))).toString();
  if (text === ALL_DONE) return undefined;
  if (text === "") return isKilled ? undefined : new Error("the helper ended before the start");
  // The helper is this program.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { step, errno } = JSON.parse(text.replace(ALL_DONE, "")) as StartReport;
  return Object.assign(new Error(`${step}: ${errno}`), { code: step === "user" ? "EPERM" : errno, step });
}

/** A carrier brings the words of a helper that has ended, and then its end. */
const WORDS_MS = 300;

type WordsFacts = { ended: ExitFacts; stderrEnded: Promise<void>; path: string; user: Ids };

/** A background process of the command may keep its standard error open, so this does not wait for long. */
async function readWords(held: HeldOutput, facts: WordsFacts): Promise<Error | undefined> {
  const { ended, stderrEnded, path, user } = facts;
  if (!TOOL_FAILURES.has(ended.exitCode)) return undefined;
  const isWhole = await settlesWithin(stderrEnded, WORDS_MS);
  if (!isWhole || held.said === undefined || couldStart(path, user)) return undefined;
  return readToolError(held.said, path);
}

/**
 * Other processes of the user can see the name of the helper, so its words may be those of the command. They
 * count if the files show a reason too: only root can change those.
 */
function couldStart(path: string, user: Ids): boolean {
  const { kind, files } = judgeStart(path);
  const isFile = walkLocally(path)?.status?.isFile() === true;
  return isFile && kind === "local" && mayExecute(user, files) === true;
}
