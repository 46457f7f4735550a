/** Replaces a daemon by the program as it is installed now: the same process, without its end. */
import { notifySocket } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { findNextProgram } from "../../process/next-program.ts";
import type { NextProgram } from "../../process/next-program.ts";
import { replaceOurselves } from "../../process/restart.ts";
import { signalNumber } from "../../signals.ts";
import type { Outcome } from "../cli/subcommand.ts";
import type { LifeSignals } from "./life-signals.ts";
import type { ReexecAnswer, ReexecMethods } from "./reexec-method.ts";
import { notifyService, reloadingNow } from "./service-manager.ts";

/** Options of the replacement of a daemon. */
export type ReexecOptions = {
  signals: Pick<LifeSignals, "onReexec">;
  methods: Pick<ReexecMethods, "set"> | undefined;
  /** The time that a drain takes at most. */
  drainMs: () => number;
};

/** New signals wait until the next program has set what they do. */
const BLOCKED = ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR2"].flatMap((name) => signalNumber(name) ?? []);

const log = logFor("daemon");

/**
 * Tries the installed program at each SIGUSR2 and each call of `reexec`. Resolves with the first that can
 * replace this one: then the daemon has to drain, to give everything back, and to call `becomeProgram`.
 */
export function awaitReexec({ signals, methods, drainMs }: ReexecOptions): Promise<NextProgram> {
  const { promise, resolve } = Promise.withResolvers<NextProgram>();
  const start = async (): Promise<ReexecAnswer> => {
    const program = await findNextProgram();
    log.info(`Replacing this program by ${program.version}`);
    notifyService(notifySocket(), reloadingNow());
    resolve(program);
    return { version: program.version, waitMs: drainMs() };
  };
  methods?.set(start);
  signals.onReexec(() => {
    start().catch((thrown: unknown) => log.error(NegotiatorError.from(thrown).message));
  });
  return promise;
}

/**
 * The end of a daemon that has given everything back: becomes the next program, if there is one. Then it
 * returns only after a failure.
 */
export function becomeProgram(next: NextProgram | undefined): Outcome {
  // A command that hangs in the kernel must not keep the daemon.
  if (next === undefined) return { exitCode: 0, isStuck: true };
  const errno = replaceOurselves(next.path, { blocked: BLOCKED });
  const error = new NegotiatorError("INTERNAL", `Cannot start "${next.path}": execve has errno ${errno}`, {
    remedy: "Start the daemon again",
  });
  return { exitCode: 1, error, isStuck: true };
}
