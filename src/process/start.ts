/** Starts a command: directly, or through a helper that nothing can hold up but its own call. */
import { closeSync, fchownSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { signalName } from "../signals.ts";
import { createCarriedPipe, shareDescriptors } from "./carriers.ts";
import { hasLimits, planCgroup, removeCgroup } from "./command-cgroup.ts";
import type { CgroupPlan, ResourceLimits } from "./command-cgroup.ts";
import { holdOutput } from "./held-output.ts";
import type { HeldOutput } from "./held-output.ts";
import { startCleanly } from "./inherited-state.ts";
import { mayExecute } from "./libc-process.ts";
import type { Ids } from "./libc-process.ts";
import { readInto, setNonBlocking } from "./libc.ts";
import { walkLocally } from "./mount-table.ts";
import { commandFileLimit, spawnLimited } from "./open-file-limit.ts";
import { forgetChild, rememberChild } from "./orphans.ts";
import { helperCommand } from "./ask-program.ts";
import { createPipe } from "./pipe.ts";
import { signalGroup } from "./process-group.ts";
import type { ByteSink } from "./pump.ts";
import { settlesWithin } from "./settling.ts";
import { forgetSetpriv, readSetprivError, setprivWords } from "./setpriv.ts";
import { ALL_DONE } from "./start-in-place.ts";
import type { StartOrder, StartReport } from "./start-in-place.ts";
import { judgeStart } from "./started-files.ts";
import { chooseStartWay } from "./start-way.ts";
import type { StartWay } from "./start-way.ts";

/** The process to start; `RunOptions` explains the members. */
export type StartOptions = {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  cwd: string;
  user?: { uid: number; gid: number; groups?: readonly number[] };
  limits?: ResourceLimits;
  /** Decides how it is started; tests pass another function. */
  chooseWay?: typeof chooseStartWay | undefined;
  stdin: AsyncIterable<Uint8Array> | null;
  stderr: ByteSink;
};

/** The end of a process: with an exit code, or by a signal such as `SIGTERM` (`SIG34` without a name). */
export type ExitFacts = { exitCode: number | null; signal: string | null };

/** A started process. */
export type Child = {
  pid: number;
  /** Sends a signal to its group, unless it has been reaped. */
  signal(name: NodeJS.Signals): void;
  exit: Promise<ExitFacts>;
  stdin: { fd: number; source: AsyncIterable<Uint8Array> } | undefined;
  stdoutFd: number;
  stderrFd: number;
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
};

/** Starts the process. Throws the system's error, or a `NegotiatorError`. */
export async function startChild(options: StartOptions): Promise<Child> {
  const { argv, cwd, limits = {}, chooseWay = chooseStartWay } = options;
  const user = options.user && { groups: [], ...options.user };
  const cgroup = hasLimits(limits) ? await planCgroup(limits) : undefined;
  const way = await chooseWay({ path: argv[0], cwd, user, cgroup });
  try {
    return spawnBy(way, options, user, cgroup);
  } catch (thrown) {
    if (way.kind !== "setpriv" || !["ENOENT", "EACCES"].includes(errnoOf(thrown) ?? "")) throw thrown;
    // An upgrade may have removed it for a moment.
    forgetSetpriv();
    return spawnBy({ kind: "own" }, options, user, cgroup);
  }
}

/** How to call the helper, and how to learn whether it failed. */
type Call = {
  cmd: readonly string[];
  argv0?: string;
  env: Readonly<Record<string, string>>;
  cwd: string;
  held?: HeldOutput;
  hasReport?: boolean;
};

function callFor(
  way: StartWay,
  { argv, env, cwd, stderr }: StartOptions,
  user: Ids | undefined,
  cgroup: CgroupPlan | undefined,
): Call {
  if (way.kind === "direct") return { cmd: argv, env, cwd };
  if (way.kind === "setpriv" && user !== undefined) {
    // Its messages begin with the name by which it was called, and no command knows this one.
    const argv0 = `~negotiator-start-${crypto.randomUUID()}`;
    return { cmd: setprivWords(way.path, user, argv), argv0, env, cwd, held: holdOutput(argv0, stderr) };
  }
  const order: StartOrder = {
    user,
    cwd,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cgroup,
    openFiles: commandFileLimit(),
  };
  // Variables of the command could change the helper.
  return {
    cmd: helperCommand("start", [JSON.stringify(order), ...argv]),
    env: {},
    cwd: "/",
    hasReport: true,
  };
}

type Ends = { theirFd: number; ourFd: number };

function createEnds(child: "reads" | "writes"): Ends {
  const { readFd, writeFd } = createPipe();
  return child === "reads" ? { theirFd: readFd, ourFd: writeFd } : { theirFd: writeFd, ourFd: readFd };
}

function spawnBy(
  way: StartWay,
  options: StartOptions,
  user: Ids | undefined,
  cgroup: CgroupPlan | undefined,
): Child {
  using shared = new DisposableStack();
  using theirs = new DisposableStack();
  using ours = new DisposableStack();
  /** Another user could lock its pipes, and open `/dev/stdout` again only if they belong to it. */
  const lower = way.kind === "direct" ? undefined : user;
  const take = (ends: Ends): Ends => {
    theirs.defer(() => closeSync(ends.theirFd));
    ours.defer(() => closeSync(ends.ourFd));
    return ends;
  };
  const pipeFor = (child: "reads" | "writes"): Ends => {
    const ends = take(lower === undefined ? createEnds(child) : createCarriedPipe(child));
    if (user !== undefined) fchownSync(ends.theirFd, user.uid, user.gid);
    return ends;
  };
  const call = callFor(way, options, user, cgroup);
  const { stdin } = options;
  const input = stdin === null ? undefined : pipeFor("reads");
  const output = pipeFor("writes");
  const errors = pipeFor("writes");
  const report = call.hasReport === true ? take(createEnds("writes")) : undefined;
  if (lower !== undefined) {
    const pipes = [input, output, errors].flatMap((ends) => (ends ? [ends.theirFd] : []));
    shared.use(shareDescriptors(pipes));
  }
  const { promise: exit, resolve } = Promise.withResolvers<ExitFacts>();
  let isReaped = false;
  const lastFd = Math.max(...[errors, report].flatMap((pipe) => (pipe ? [pipe.theirFd, pipe.ourFd] : [])));
  const { pid } = startCleanly(() =>
    spawnLimited(lastFd, () =>
      Bun.spawn({
        cmd: [...call.cmd],
        ...(call.argv0 === undefined ? {} : { argv0: call.argv0 }),
        env: call.env,
        cwd: call.cwd,
        detached: true,
        stdio: [
          input?.theirFd ?? "ignore",
          output.theirFd,
          errors.theirFd,
          ...(report === undefined ? [] : [report.theirFd]),
        ],
        onExit: (_child, exitCode, signal) => {
          isReaped = true;
          forgetChild(pid);
          resolve({ exitCode, signal: typeof signal === "number" ? signalName(signal) : signal });
        },
      }),
    ),
  );
  rememberChild(pid);
  ours.move();
  const { held } = call;
  return {
    pid,
    signal: (name) => {
      // Bun calls onExit in the turn in which it reaps the process. Until then, the number stays in use.
      if (!isReaped) signalGroup(pid, name);
    },
    exit,
    stdin: input === undefined || stdin === null ? undefined : { fd: input.ourFd, source: stdin },
    stdoutFd: output.ourFd,
    stderrFd: errors.ourFd,
    stderr: held ?? options.stderr,
    async findFailure(ended, stderrEnded) {
      if (report !== undefined) return readReport(report.ourFd, ended.signal !== null);
      if (held === undefined || user === undefined) return undefined;
      return readWords(held, { ended, stderrEnded, path: options.argv[0], user });
    },
    passOnHeld: async () => held?.passOn(),
    release() {
      if (report !== undefined) closeSync(report.ourFd);
      if (cgroup !== undefined) removeCgroup(cgroup);
    },
  };
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

/** The exit codes of setpriv's own failures. */
const SETPRIV_CODES: ReadonlySet<number | null> = new Set([1, 126, 127]);
/** A carrier brings the words of a helper that has ended, and then its end. */
const WORDS_MS = 300;

type WordsFacts = { ended: ExitFacts; stderrEnded: Promise<void>; path: string; user: Ids };

/** A background process of the command may keep its standard error open, so this does not wait for long. */
async function readWords(held: HeldOutput, facts: WordsFacts): Promise<Error | undefined> {
  const { ended, stderrEnded, path, user } = facts;
  if (!SETPRIV_CODES.has(ended.exitCode)) return undefined;
  const isWhole = await settlesWithin(stderrEnded, WORDS_MS);
  if (!isWhole || held.said === undefined || couldStart(path, user)) return undefined;
  return readSetprivError(held.said, path);
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
