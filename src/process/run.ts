/** Starts a command, carries its bytes, ends it when it must end, and tells how it ended. The owner of child processes. */
import { closeSync, fchownSync } from "node:fs";
import { isAbsolute } from "node:path";
import { clampDelay } from "../delay.ts";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { createPipe } from "./pipe.ts";
import { isGroupRunning } from "./process-group.ts";
import { pumpInput, pumpOutput } from "./pump.ts";
import type { ByteSink, OutputPump, StreamFacts } from "./pump.ts";
import { explainStartFailure } from "./start-failure.ts";

export type RunOptions = {
  /** The command's name at the other end, where the caller is: what the errors are to call it; see `explainStartFailure`. */
  calledAs?: string;
  /** The absolute path of an executable, and its arguments as they are: no shell reads them. */
  argv: readonly [string, ...string[]];
  /** The whole environment; nothing of ours is added. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Whom to become before the start. All supplementary groups are given up, the user's own are not taken. */
  user?: { uid: number; gid: number };
  /** What the command reads; null is `/dev/null`. A source that throws cancels the command: half an input is none. */
  stdin: AsyncIterable<Uint8Array> | null;
  stdout: ByteSink;
  stderr: ByteSink;
  /** Ends the command when it aborts. */
  signal?: AbortSignal;
  /** The deadline, counted from the start; 0 or none is no deadline. */
  timeoutMs?: number;
  /** How long the group has from SIGTERM to SIGKILL. */
  graceMs?: number;
  /** How long output is still awaited after the exit, when somebody else keeps a pipe open. */
  drainMs?: number;
  /** Called at the process's exit, before the rest of its output is carried. */
  onExit?: (exit: ExitFacts) => void;
};

/** How a process ended: by itself with a code, or by a signal such as `SIGTERM` (`SIG34` for one without a name). */
export type ExitFacts = { exitCode: number | null; signal: string | null };

/** `timedOut` and `cancelled` say why it was ended, if it was: at most one of them is true, the first reason. */
export type RunResult = ExitFacts & {
  timedOut: boolean;
  cancelled: boolean;
  /** From the start until the last byte was carried. */
  durationMs: number;
  stdout: StreamFacts;
  stderr: StreamFacts;
};

/**
 * Runs a command to its end. It leads a session and process group of its own, has no descriptors but 0, 1 and 2, and
 * default signal handling (Bun's spawn sees to that). After a deadline or a cancel, nothing of its group is left; after
 * an exit of its own accord, what it left running in the background goes on.
 *
 * Rejects only if nothing was started: `NO_COMMAND`, `NOT_EXECUTABLE`, `TOO_LARGE`, `BAD_REQUEST`, `BUSY`, `CANCELLED`.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { argv, signal, onExit, graceMs = 5000, drainMs = 5000 } = options;
  const name = options.calledAs ?? argv[0];
  if (!isAbsolute(argv[0]))
    throw new NegotiatorError("INTERNAL", `Cannot run "${name}": not an absolute path`);
  if (signal?.aborted === true) {
    throw new NegotiatorError("CANCELLED", `Cannot run "${name}": cancelled before its start`);
  }
  const startedAt = performance.now();
  const child = await start(options);
  using stop = awaitStop(options);
  const stdout = pumpOutput(child.stdoutFd, options.stdout);
  const stderr = pumpOutput(child.stderrFd, options.stderr);
  const input =
    child.stdin === undefined ? undefined : pumpInput(child.stdin.source, child.stdin.fd, stop.cancel);

  const reason = await Promise.race([child.exit.then(() => undefined), stop.requested]);
  if (reason !== undefined) await endGroup(child, graceMs);
  const exit = await child.exit;
  input?.stop();
  onExit?.(exit);
  await drain([stdout, stderr], drainMs, reason === undefined ? stop.requested : undefined);
  return {
    ...exit,
    timedOut: reason === "deadline",
    cancelled: reason === "cancel",
    durationMs: performance.now() - startedAt,
    stdout: stdout.facts(),
    stderr: stderr.facts(),
  };
}

type Child = {
  pid: number;
  exit: Promise<ExitFacts>;
  stdin: { fd: number; source: AsyncIterable<Uint8Array> } | undefined;
  stdoutFd: number;
  stderrFd: number;
};

async function start(options: RunOptions): Promise<Child> {
  using theirs = new DisposableStack();
  using ours = new DisposableStack();
  try {
    const { argv, env, cwd, user, stdin } = options;
    const { promise: exit, resolve } = Promise.withResolvers<ExitFacts>();
    const pipeFor = (child: "reads" | "writes"): { theirFd: number; ourFd: number } => {
      const { readFd, writeFd } = createPipe();
      const [theirFd, ourFd] = child === "reads" ? [readFd, writeFd] : [writeFd, readFd];
      theirs.defer(() => closeSync(theirFd));
      ours.defer(() => closeSync(ourFd));
      // Otherwise another user could not open `/dev/stdout` again.
      if (user !== undefined) fchownSync(theirFd, user.uid, user.gid);
      return { theirFd, ourFd };
    };
    const input = stdin === null ? undefined : pipeFor("reads");
    const output = pipeFor("writes");
    const errors = pipeFor("writes");
    const { pid } = Bun.spawn({
      cmd: [...argv],
      env,
      cwd,
      ...user,
      detached: true,
      stdio: [input?.theirFd ?? "ignore", output.theirFd, errors.theirFd],
      onExit: (_child, exitCode, signal) =>
        resolve({ exitCode, signal: typeof signal === "number" ? `SIG${signal}` : signal }),
    });
    ours.move();
    return {
      pid,
      exit,
      stdin: input === undefined || stdin === null ? undefined : { fd: input.ourFd, source: stdin },
      stdoutFd: output.ourFd,
      stderrFd: errors.ourFd,
    };
  } catch (thrown) {
    throw await explainStartFailure(thrown, options);
  }
}

type StopReason = "deadline" | "cancel";

/** Resolves `requested` with the first reason to end the command; disposing takes the timer and the listener away. */
function awaitStop({ signal, timeoutMs = 0 }: RunOptions): Disposable & {
  requested: Promise<StopReason>;
  cancel: () => void;
} {
  const { promise: requested, resolve } = Promise.withResolvers<StopReason>();
  const cancel = (): void => resolve("cancel");
  const timer = timeoutMs > 0 ? setTimeout(() => resolve("deadline"), clampDelay(timeoutMs)) : undefined;
  signal?.addEventListener("abort", cancel, { once: true });
  // It may have aborted since `run` looked: that event does not come again.
  if (signal?.aborted === true) cancel();
  return {
    requested,
    cancel,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    },
  };
}

/** SIGTERM for the group, SIGKILL for who is left after `graceMs`; returns when the group is gone. */
async function endGroup({ pid, exit }: Child, graceMs: number): Promise<void> {
  const killAt = performance.now() + graceMs;
  signalGroup(pid, "SIGTERM");
  await settlesWithin(exit, graceMs);
  await awaitGroupEnd(pid, killAt);
  signalGroup(pid, "SIGKILL");
  await exit;
  await awaitGroupEnd(pid, performance.now() + KILL_MS);
}

/** How long a killed process may take to go: one that hangs in the kernel goes only when that lets it. */
const KILL_MS = 1000;

/** Waits for the members that are not our children: nothing tells their end, so we look, less and less often. */
async function awaitGroupEnd(groupId: number, until: number): Promise<void> {
  for (let pauseMs = 5; signalGroup(groupId, 0) && (await isGroupRunning(groupId)); pauseMs *= 2) {
    const leftMs = until - performance.now();
    if (leftMs <= 0) return;
    await Bun.sleep(Math.min(pauseMs, leftMs, 200));
  }
}

/**
 * Sends a signal to the group, 0 only asks; whether anybody is in it. The kernel gives a group's number to nobody else while a
 * member is left, even after the leader was reaped, so a late signal meets the group or no one.
 */
function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}

/**
 * Lets the streams end, but not forever: somebody else may keep a pipe open. After a normal exit only the time that is
 * spent waiting for the pipe counts, so that a slow sink loses nothing, and `giveUp` ends it at once. A command that was
 * stopped gets `drainMs` in all: whoever stopped it may have stopped reading too.
 */
async function drain(pumps: OutputPump[], drainMs: number, giveUp?: Promise<unknown>): Promise<void> {
  await Promise.all(
    pumps.map(async (pump) => {
      if (giveUp === undefined) await settlesWithin(pump.ended, drainMs);
      else await waitForEnd(pump, drainMs, Promise.race([pump.ended, giveUp]));
      pump.drop();
    }),
  );
}

async function waitForEnd(pump: OutputPump, drainMs: number, done: Promise<unknown>): Promise<void> {
  const limitMs = pump.waitedMs() + drainMs;
  for (;;) {
    const leftMs = limitMs - pump.waitedMs();
    if (leftMs <= 0 || (await settlesWithin(done, Math.max(leftMs, DRAIN_STEP_MS)))) return;
  }
}

/** How often at most a drain looks at a stream whose sink is the one that waits. */
const DRAIN_STEP_MS = 20;

/** Waits until `promise` resolves, but not longer than `ms`; whether it did. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), clampDelay(ms));
  const isSettled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isSettled;
}

/** Sends this process a signal, which ends it unless somebody here listens for it. */
export function signalSelf(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal);
}
