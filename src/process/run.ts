/** Owns child processes: runs a command, carries its bytes, ends it in time and returns how it ended. */
import { isAbsolute } from "node:path";
import { onAbort } from "../abort.ts";
import { clampDelay, LATE_MS } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import { adoptChild } from "./child.ts";
import type { Child, FrozenChild } from "./child.ts";
import type { ExitFacts } from "./libc-process.ts";
import type { ResourceLimits } from "./command-cgroup.ts";
import { endGroup } from "./process-group.ts";
import { pumpStream } from "./late-output.ts";
import { drain, NOWHERE, pumpInput } from "./pump.ts";
import type { ByteSink, FrozenInputPump, FrozenOutputPump, OutputPump, StreamFacts } from "./pump.ts";
import { explainStartFailure } from "./start-failure.ts";
import { prepareStart, startChild } from "./start.ts";
import type { StartOptions } from "./start.ts";

/** A command and how to run it. */
export type RunOptions = {
  /** The command's name in errors for a caller at the other end; see `explainStartFailure`. */
  calledAs?: string;
  /** The absolute path of an executable and its arguments. No shell reads them. */
  argv: readonly [string, ...string[]];
  /** The whole environment; nothing is added. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** The user and group to run as. `groups` are all supplementary groups that it gets; none by default. */
  user?: { uid: number; gid: number; groups?: readonly number[] };
  /** Bounds for it and all its processes together; none by default. */
  limits?: ResourceLimits;
  /** Awaited right before the start. If it rejects, nothing is started, and `run` rejects as it does. */
  ready?: (() => Promise<void>) | undefined;
  /** Decides how it is started; tests pass another function. */
  chooseWay?: StartOptions["chooseWay"];
  /**
   * The command's input; null is `/dev/null`. A source that throws cancels the command, because its input is
   * incomplete.
   */
  stdin: AsyncIterable<Uint8Array> | null;
  /** The command's output; null is `/dev/null`. */
  stdout: ByteSink | null;
  stderr: ByteSink | null;
  /** Cancels the command when it aborts. */
  signal?: AbortSignal;
  /** The time from the order to start until the deadline; 0 or absent means without limit. */
  timeoutMs?: number;
  /** The time from SIGTERM to SIGKILL. The caller waits for it after a cancel, and not after a deadline. */
  graceMs?: number;
  /** The time to wait for output after the exit, while a process in the background keeps a pipe open. */
  drainMs?: number;
  /** Called once, when the process runs. It can send signals to it from then on. */
  onStart?: (running: RunningCommand) => void;
  /** Called at the process's exit, before the rest of its output is carried. */
  onExit?: (exit: ExitFacts) => void;
};

/** A command that runs, as plain data. `isTold`: `onExit` was called. */
export type FrozenRun = {
  child: FrozenChild;
  elapsedMs: number;
  reason?: EndReason;
  isTold: boolean;
  stdout: FrozenOutputPump;
  stderr: FrozenOutputPump;
  input?: FrozenInputPump;
};

/** The signals that a caller may send to a running command. */
export const FORWARDED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** The name of such a signal. */
export type ForwardedSignal = (typeof FORWARDED_SIGNALS)[number];

/**
 * A command that runs. `signal` sends a signal to its whole process group. It does nothing after the exit of
 * the process, even if others of its group go on.
 */
export type RunningCommand = {
  readonly pid: number;
  signal(name: ForwardedSignal): void;
  /** Returns the command as plain data. It must not be used any longer in this program then. */
  freeze(): FrozenRun;
};

/**
 * How a command ended. A command that ends after a forwarded signal has ended by itself. Exit code and signal
 * are both null if the command still ran half a second after its deadline.
 */
export type RunResult = ExitFacts & {
  /** `deadline` also if the command had ended in time, and its output was not taken by then. */
  endedBy: "command" | EndReason;
  /** The whole milliseconds from the order to start until the last byte was carried. */
  durationMs: number;
  /** Bytes that went into the command's standard input. The command may have read fewer of them. */
  inputBytes: number;
  stdout: StreamFacts;
  stderr: StreamFacts;
  /**
   * After a deadline or a cancel: resolves when the whole group has ended, or does not end by SIGKILL either.
   */
  over?: Promise<unknown>;
};

/**
 * Runs a command to its end. It leads its own session and process group, has no descriptors but 0, 1 and 2,
 * and default signal handling (`start.ts` does that). After a cancel, its whole group has ended. After a
 * deadline it gets SIGTERM at once, and the result comes within half a second; SIGKILL follows after the
 * grace time. After a normal exit, the processes that it left in the background go on.
 *
 * Rejects only if nothing was started: `NO_COMMAND`, `NOT_EXECUTABLE`, `TOO_LARGE`, `BAD_REQUEST`, `BUSY`,
 * `CANCELLED`.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { argv, signal } = options;
  const name = options.calledAs ?? argv[0];
  if (!isAbsolute(argv[0]))
    throw new NegotiatorError("INTERNAL", `Cannot run "${name}": not an absolute path`);
  if (signal?.aborted === true) {
    throw new NegotiatorError("CANCELLED", `Cannot run "${name}": cancelled before its start`);
  }
  const beganMs = performance.now();
  return carry(options, await start(options), beganMs);
}

/** Goes on with a command of the program that this one has replaced. Resolves as `run` does. */
export function goOn(options: RunOptions & { frozen: FrozenRun }): Promise<RunResult> {
  const beganMs = performance.now() - options.frozen.elapsedMs;
  return carry(options, adoptChild(options.frozen.child, options), beganMs);
}

async function carry(
  options: RunOptions & { frozen?: FrozenRun },
  child: Child,
  beganMs: number,
): Promise<RunResult> {
  const { onStart, onExit, graceMs = 5000, drainMs = 5000, frozen } = options;
  using end = watchEndReasons(options, beganMs);
  if (frozen?.reason === "cancel") end.cancel();
  const stdout = pumpStream(child.stdoutEnd, options.stdout ?? NOWHERE, frozen?.stdout);
  const stderr = pumpStream(child.stderrEnd, child.stderr, frozen?.stderr);
  const input = child.stdin && pumpInput(child.stdin.source, child.stdin.fd, end.cancel, frozen?.input);
  let { isTold = false }: Partial<FrozenRun> = frozen ?? {};
  let ending = frozen?.reason;
  void end.reason.then((why) => (ending = why));
  onStart?.({
    pid: child.pid,
    signal: (name) => child.signal(name),
    freeze: () => ({
      child: child.freeze(),
      elapsedMs: performance.now() - beganMs,
      ...(ending !== undefined && { reason: ending }),
      isTold,
      stdout: stdout.freeze(),
      stderr: stderr.freeze(),
      ...(input !== undefined && { input: input.freeze() }),
    }),
  });

  const reason = await Promise.race([child.exit.then(() => undefined), end.reason]);
  const over = reason === undefined ? child.exit : endGroup(child, graceMs);
  // A command that ignores SIGTERM must not keep its caller.
  await Promise.race([over, end.late]);
  const exit = await Promise.race([child.exit, end.late.then(() => STILL_RUNNING)]);
  input?.close();
  if (exit === STILL_RUNNING) void child.exit.then(() => child.release());
  else await checkStart(child, exit, { stdout, stderr, options });
  await child.passOnHeld();
  if (exit !== STILL_RUNNING && !isTold) onExit?.(exit);
  isTold = true;
  const isEnded = reason !== undefined;
  const until = isEnded ? end.late : end.reason;
  const isTaken = await drain([stdout, stderr], { drainMs, until, countsSink: isEnded });
  child.endCarriers();
  const endedLate = isTaken || (await end.reason) === "cancel" ? "command" : "deadline";
  return {
    ...exit,
    endedBy: reason ?? endedLate,
    durationMs: Math.round(performance.now() - beganMs),
    inputBytes: input?.bytes ?? 0,
    stdout: stdout.facts(),
    stderr: stderr.facts(),
    ...(isEnded && { over }),
  };
}

const STILL_RUNNING: ExitFacts = { exitCode: null, signal: null };

async function start(options: RunOptions): Promise<Child> {
  const way = await explained(options, () => prepareStart(options));
  await options.ready?.();
  return explained(options, () => startChild(options, way));
}

async function explained<Value>(options: RunOptions, action: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await action();
  } catch (thrown) {
    throw await explainStartFailure(thrown, options);
  }
}

type Pumps = { stdout: OutputPump; stderr: OutputPump; options: RunOptions };

/** Throws the error of a helper that has ended without starting the command. */
async function checkStart(child: Child, exit: ExitFacts, { stdout, stderr, options }: Pumps): Promise<void> {
  const failure = await child.findFailure(exit, stderr.ended);
  child.release();
  if (failure === undefined) return;
  stdout.abort();
  stderr.abort();
  throw await explainStartFailure(failure, options);
}

/** Sends this process a signal, which ends it unless the process handles it. */
export function signalSelf(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal);
}

type EndReason = "deadline" | "cancel";

/**
 * `reason` resolves with the first reason to end the command, and `late` when the caller must get its answer
 * after a deadline. Disposing removes the timers and the listener.
 */
type EndReasons = Disposable & { reason: Promise<EndReason>; late: Promise<void>; cancel: () => void };

function watchEndReasons({ signal, timeoutMs = 0 }: RunOptions, beganMs: number): EndReasons {
  const { promise: reason, resolve } = Promise.withResolvers<EndReason>();
  const cancel = (): void => resolve("cancel");
  const { promise: late, resolve: resolveLate } = Promise.withResolvers<void>();
  const after = (ms: number, act: () => void): Timer =>
    setTimeout(act, clampDelay(Math.max(0, beganMs + ms - performance.now())));
  const timers =
    timeoutMs > 0
      ? [after(timeoutMs, () => resolve("deadline")), after(timeoutMs + LATE_MS.runner, resolveLate)]
      : [];
  const listener = signal === undefined ? undefined : onAbort(signal, cancel);
  return {
    reason,
    late,
    cancel,
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer);
      listener?.[Symbol.dispose]();
    },
  };
}
