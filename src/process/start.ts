/** Starts a command: directly, or through a helper that nothing can hold up but its own call. */
import { closeSync, fchownSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { createChild } from "./child.ts";
import type { Child } from "./child.ts";
import type { ExitFacts } from "./libc-process.ts";
import { signalName } from "../signals.ts";
import { prepareCarriers, takeCarriedPipe } from "./carriers.ts";
import type { CarriedPipe, CarriedStream } from "./carriers.ts";
import { shareDescriptors } from "./closers.ts";
import { hasLimits, planCgroup } from "./command-cgroup.ts";
import type { CgroupPlan, ResourceLimits } from "./command-cgroup.ts";
import { holdOutput } from "./held-output.ts";
import type { HeldOutput } from "./held-output.ts";
import { startCleanly } from "./inherited-state.ts";
import type { Ids } from "./libc-process.ts";
import { commandFileLimit, spawnLimited } from "./open-file-limit.ts";
import { forgetChild, rememberChild } from "./orphans.ts";
import { helperCommand } from "./ask-program.ts";
import type { LateDescriptor } from "./late-output.ts";
import { createPipe } from "./pipe.ts";
import { spawnWithShare } from "./process-share.ts";
import { NOWHERE } from "./pump.ts";
import type { ByteSink } from "./pump.ts";
import { createToolName, forgetUserTool, isHarmless, toolWords } from "./user-tool.ts";
import type { StartOrder } from "./start-in-place.ts";
import { chooseStartWay, isTool } from "./start-way.ts";
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
  stdout: ByteSink | null;
  stderr: ByteSink | null;
};

/** How a process is going to be started. */
export type PreparedStart = { way: StartWay; user: Ids | undefined; cgroup: CgroupPlan | undefined };

/** Decides how the process is started. Throws the system's error, or a `NegotiatorError`. */
export async function prepareStart(options: StartOptions): Promise<PreparedStart> {
  const { argv, env, cwd, limits = {}, chooseWay = chooseStartWay } = options;
  const user = options.user && { groups: [], ...options.user };
  const cgroup = hasLimits(limits) ? await planCgroup(limits) : undefined;
  const way = await chooseWay({ path: argv[0], cwd, user, cgroup });
  return { way: isTool(way) && !isHarmless(env) ? { kind: "own" } : way, user, cgroup };
}

/** Starts the process at once. Throws the system's error, or a `NegotiatorError`. */
export function startChild(options: StartOptions, { way, user, cgroup }: PreparedStart): Child {
  try {
    return spawnBy(way, options, user, cgroup);
  } catch (thrown) {
    if (!isTool(way) || !["ENOENT", "EACCES"].includes(errnoOf(thrown) ?? "")) throw thrown;
    // An upgrade may have removed it for a moment.
    forgetUserTool();
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
  if (isTool(way) && user !== undefined) {
    const argv0 = createToolName();
    const held = holdOutput(argv0, stderr ?? NOWHERE);
    return { cmd: toolWords(way, user, argv), argv0, env, cwd, held };
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

type Ends = { theirFd: number; ourEnd: number | LateDescriptor };

function createEnds(child: "reads" | "writes"): Ends & { ourEnd: number } {
  const { readFd, writeFd } = createPipe();
  return child === "reads" ? { theirFd: readFd, ourEnd: writeFd } : { theirFd: writeFd, ourEnd: readFd };
}

/** The descriptor of an end that is open. */
function numberOf(end: number | LateDescriptor): number | undefined {
  return typeof end === "number" ? end : end.fd;
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
  using attended = new DisposableStack();
  /** Another user could lock its pipes, and open `/dev/stdout` again only if they belong to it. */
  const lower = way.kind === "direct" ? undefined : user;
  const take = <Taken extends Ends>(ends: Taken): Taken => {
    const { theirFd, ourEnd } = ends;
    theirs.defer(() => closeSync(theirFd));
    if (typeof ourEnd === "number") ours.defer(() => closeSync(ourEnd));
    return ends;
  };
  const streams: CarriedStream[] = [];
  const carried: CarriedPipe[] = [];
  const takeCarried = (fd: CarriedStream["fd"]): Ends => {
    const stream = { path: options.argv[0], fd };
    const pipe = takeCarriedPipe(stream);
    streams.push(stream);
    carried.push(pipe);
    attended.defer(() => pipe.attend(false));
    return pipe;
  };
  const pipeFor = (fd: CarriedStream["fd"]): Ends => {
    const ends = take(lower === undefined ? createEnds(fd === 0 ? "reads" : "writes") : takeCarried(fd));
    if (user !== undefined) fchownSync(ends.theirFd, user.uid, user.gid);
    return ends;
  };
  const call = callFor(way, options, user, cgroup);
  const { stdin, stdout, stderr } = options;
  const input = stdin === null ? undefined : pipeFor(0);
  const output = stdout === null ? undefined : pipeFor(1);
  // The words of a helper are read in any case.
  const errors = stderr === null && call.held === undefined ? undefined : pipeFor(2);
  const report = call.hasReport === true ? take(createEnds("writes")) : undefined;
  if (lower !== undefined) {
    shared.use(shareDescriptors(carried.map(({ theirFd }) => theirFd)));
  }
  const { promise: exit, resolve } = Promise.withResolvers<ExitFacts>();
  let isReaped = false;
  const pipes = [input, output, errors, report].filter((ends) => ends !== undefined);
  const lastFd = Math.max(2, ...pipes.flatMap(({ theirFd, ourEnd }) => [theirFd, numberOf(ourEnd) ?? 2]));
  const spawn = () =>
    Bun.spawn({
      cmd: [...call.cmd],
      ...(call.argv0 === undefined ? {} : { argv0: call.argv0 }),
      env: call.env,
      cwd: call.cwd,
      detached: true,
      stdio: [
        input?.theirFd ?? "ignore",
        output?.theirFd ?? "ignore",
        errors?.theirFd ?? "ignore",
        ...(report === undefined ? [] : [report.theirFd]),
      ],
      onExit: (_child, exitCode, signal) => {
        isReaped = true;
        forgetChild(pid);
        resolve({ exitCode, signal: typeof signal === "number" ? signalName(signal) : signal });
      },
    });
  const limited = () => spawnLimited(lastFd, spawn);
  const { pid } = startCleanly(() =>
    lower === undefined ? limited() : spawnWithShare(options.limits?.tasksMax, limited),
  );
  rememberChild(pid);
  attended.move();
  for (const pipe of carried) pipe.attend(true);
  prepareCarriers(streams);
  ours.move();
  return createChild(
    {
      pid,
      ...(typeof input?.ourEnd === "number" && { stdinFd: input.ourEnd }),
      path: options.argv[0],
      ...(user === undefined ? {} : { user }),
      ...(report === undefined ? {} : { reportFd: report.ourEnd }),
      ...(cgroup === undefined ? {} : { cgroup }),
    },
    {
      exit,
      isReaped: () => isReaped,
      held: call.held,
      carried,
      outputs: { stdout: output?.ourEnd, stderr: errors?.ourEnd },
      stdin,
      stderr,
    },
  );
}
