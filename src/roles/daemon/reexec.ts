/** Replaces a daemon by the program as it is installed now: the same process, without its end. */
import { notifySocket, watchdogRequest } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { pause } from "../../peers/supervise.ts";
import { watchByKernel, watchByTimer } from "../../process/descriptor-watch.ts";
import { findNextProgram } from "../../process/next-program.ts";
import type { NextProgram } from "../../process/next-program.ts";
import { replaceOurselves } from "../../process/restart.ts";
import { signalNumber } from "../../signals.ts";
import type { Outcome } from "../cli/subcommand.ts";
import { prepareHandover, takeBack } from "./handover.ts";
import type { LifeSignals } from "./life-signals.ts";
import type { ReexecAnswer, ReexecMethods } from "./reexec-method.ts";
import { notifyService, reloadingNow } from "./service-manager.ts";
import { commonStateVersion } from "./state-version.ts";
import { allowForStart, restoreWatchdog } from "./watchdog.ts";

/** The part of a daemon that is handed over. */
export type HandedOver = {
  /** Returns the state as plain data. Nothing may run between this and the start of the next program. */
  freeze: () => unknown;
  /** The number of calls, and of things of other agents, that cannot be handed over before their end. */
  heldUp: () => number;
};

/** Options of the replacement of a daemon. */
export type ReexecOptions = {
  role: "host" | "guest";
  signals: Pick<LifeSignals, "onReexec" | "abort">;
  methods: Pick<ReexecMethods, "set" | "fail"> | undefined;
  handedOver: HandedOver | undefined;
  /** The time that a drain takes at most. */
  drainMs: () => number;
  /** Finds the program. Tests pass their own. */
  findProgram?: () => Promise<NextProgram>;
};

/** New signals wait until the next program has set their actions. */
const BLOCKED = ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR2"].flatMap((name) => signalNumber(name) ?? []);
/** The answer to the call of `reexec` goes out meanwhile. */
const ANSWER_MS = 5;
/** Calls that stood still while the kernel gave up its watches go on, so that no call stands still twice. */
const CATCH_UP_MS = 50;
const STEP_MS = 20;

const log = logFor("daemon");

/**
 * Tries the installed program at each SIGUSR2 and each call of `reexec`, hands the state over, and becomes
 * that program. Resolves with a program that cannot read our state: then the daemon has to drain, to give
 * everything back, and to call `becomeProgram`.
 */
export function awaitReexec(options: ReexecOptions): Promise<NextProgram> {
  const { signals, methods, handedOver, drainMs, findProgram = findNextProgram } = options;
  const { promise, resolve } = Promise.withResolvers<NextProgram>();
  let isBusy = false;

  const replace = async (program: NextProgram): Promise<void> => {
    const version = commonStateVersion(program.states);
    if (version === undefined || handedOver === undefined) {
      log.warn("The new program cannot read the state of this one, so running calls have to end before");
      notifyService(notifySocket(), reloadingNow());
      return resolve(program);
    }
    try {
      await pause(ANSWER_MS, signals.abort);
      await waitForHeldUp(handedOver, drainMs(), signals.abort);
      watchByTimer();
      await pause(CATCH_UP_MS, signals.abort);
      // Others can have begun meanwhile.
      await waitForHeldUp(handedOver, drainMs(), signals.abort);
      handOver(options, program, version, handedOver);
    } catch (thrown) {
      const { message } = NegotiatorError.from(thrown);
      log.error(message);
      methods?.fail(message);
      notifyService(notifySocket(), "READY=1");
      watchByKernel();
    }
    isBusy = false;
  };

  const start = async (): Promise<ReexecAnswer> => {
    if (isBusy) throw new NegotiatorError("BUSY", "The daemon is being replaced already");
    isBusy = true;
    try {
      const program = await findProgram();
      log.info(`Replacing this program by ${program.version}`);
      void replace(program);
      return { version: program.version, waitMs: drainMs() };
    } catch (thrown) {
      isBusy = false;
      throw thrown;
    }
  };
  methods?.set(start);
  signals.onReexec(() => {
    start().catch((thrown: unknown) => log.error(NegotiatorError.from(thrown).message));
  });
  return promise;
}

async function waitForHeldUp({ heldUp }: HandedOver, limitMs: number, abort: AbortSignal): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (heldUp() > 0 && !abort.aborted) {
    if (performance.now() >= endMs) {
      const what = heldUp() === 1 ? "1 call or file" : `${heldUp()} calls or files`;
      const problem = `${what} of old agents, or of clients of the guest agent, cannot be handed over`;
      throw new NegotiatorError("BUSY", `The daemon was not replaced: ${problem}`, {
        remedy: "Wait for their end, and try again",
      });
    }
    await pause(STEP_MS, abort);
  }
}

/** Returns only by an error: the next program did not start. */
function handOver(
  { role }: ReexecOptions,
  { path }: NextProgram,
  version: number,
  { freeze }: HandedOver,
): void {
  notifyService(notifySocket(), reloadingNow());
  allowForStart(watchdogRequest());
  const handover = prepareHandover(role, version, freeze);
  const errno = replaceOurselves(path, { kept: handover.fds, blocked: BLOCKED });
  takeBack(handover);
  restoreWatchdog(watchdogRequest());
  throw cannotStart(path, errno);
}

/**
 * The end of a daemon that has given everything back: becomes the next program, if there is one. Then it
 * returns only after a failure.
 */
export function becomeProgram(next: NextProgram | undefined): Outcome {
  // A command that hangs in the kernel must not keep the daemon.
  if (next === undefined) return { exitCode: 0, isStuck: true };
  allowForStart(watchdogRequest());
  const errno = replaceOurselves(next.path, { blocked: BLOCKED });
  return { exitCode: 1, error: cannotStart(next.path, errno), isStuck: true };
}

function cannotStart(path: string, errno: number): NegotiatorError {
  return new NegotiatorError("INTERNAL", `Cannot start "${path}": execve has errno ${errno}`, {
    remedy: "Look at the file, and try again",
  });
}
