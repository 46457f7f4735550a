/** Runs a daemon of either role in the foreground: ready, reload, drain, stop. */
import { journalStream, notifySocket, settingAt, watchdogRequest } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import type { Settings } from "../../config/settings.ts";
import { NegotiatorError } from "../../errors.ts";
import { configureLog, logFor, setLinePrefix } from "../../log.ts";
import { pause } from "../../peers/supervise.ts";
import { startAllCarriers } from "../../process/carriers.ts";
import { resetInheritedState } from "../../process/inherited-state.ts";
import { everyTick } from "../../peers/ticker.ts";
import { expectManyPolls } from "../../process/libc-polls.ts";
import { limitCommands } from "../../process/open-file-limit.ts";
import { reapOrphans } from "../../process/orphans.ts";
import { restartWithoutRuntimeVariables } from "../../process/restart.ts";
import { keepRunningWithoutTerminal } from "../../process/terminal-output.ts";
import type { Invocation } from "../cli/subcommand.ts";
import type { NextProgram } from "../../process/next-program.ts";
import { catchSignals } from "./life-signals.ts";
import { endAtLatest } from "./last-end.ts";
import type { LifeSignals } from "./life-signals.ts";
import { awaitReexec } from "./reexec.ts";
import type { HandedOver } from "./reexec.ts";
import type { ReexecMethods } from "./reexec-method.ts";
import { findStartedLimit } from "./started-limit.ts";
import type { CommandNews } from "./command-catalogue.ts";
import type { Reloader, ReloadResult } from "./reload-method.ts";
import { isJournal, notifyService, reloadingNow } from "./service-manager.ts";
import { feedWatchdog } from "./watchdog.ts";

/** `endInTime` ends the process with an exit code if its end takes too long. */
type DaemonSignals = LifeSignals & { endInTime?: (exitCode: number) => void };

/** The parts that differ between daemons. */
export type DaemonOptions = {
  role: "host" | "guest";
  signals: DaemonSignals;
  /** The settings at the start, and a function that reads them again. */
  invocation: Pick<Invocation, "config" | "reload">;
  /**
   * Puts new settings in force. Resolves with the reason why the new policy denies everything, which is
   * logged already. If it rejects, it must have changed nothing; the error is logged.
   */
  apply: (config: Config) => Promise<string | undefined>;
  /** Loads the commands after `apply`. Resolves with what an administrator should know. */
  loadCommands?: () => Promise<CommandNews>;
  /** Where local users ask for a reload. */
  reloader?: Pick<Reloader, "set">;
  /** Where root asks for a replacement of the program. */
  reexec?: Pick<ReexecMethods, "set" | "fail">;
  /** The state that goes to the program that replaces this one. */
  handedOver?: HandedOver;
  /** Returns the number of running calls; the daemon waits for their ends before its own. */
  openCalls: () => number;
  /** Refuses new calls from the last part of the drain on. It may be called again. */
  refuseStarts: () => void;
};

const log = logFor("daemon");
const RELOADED = "The configuration and the policy were read again";
const WITHOUT_POLICY = "The configuration was read again; the policy cannot be used, so every call is denied";
const DRAIN_STEP_MS = 50;

const STDERR = 2;

/**
 * Sets the form of log lines for the journal or a terminal, starts again if the environment changes the
 * program, replaces inherited state, and catches signals. A daemon calls this first.
 */
export function beginDaemon(): DaemonSignals {
  keepRunningWithoutTerminal();
  setLinePrefix(isJournal(journalStream(), STDERR) ? "priority" : "time");
  restartWithoutRuntimeVariables();
  const signals = catchSignals();
  // This unblocks the signals that came while this program replaced another one.
  resetInheritedState();
  expectManyPolls();
  return Object.assign(signals, { endInTime: endAtLatest });
}

/**
 * Notifies the service manager that the daemon is ready, reloads at SIGHUP, and drains at SIGTERM or SIGINT.
 * Resolves when it has drained; a second SIGTERM or SIGINT ends the drain. Resolves with the program that is
 * to replace this one, after a drain for that.
 */
export async function runDaemon(options: DaemonOptions): Promise<NextProgram | undefined> {
  const { role, signals, invocation, apply, loadCommands, openCalls, reloader } = options;
  const { settings: first } = invocation.config;
  let { settings, warnings } = invocation.config;
  for (const warning of warnings) log.warn(warning);
  const readAgain = async (): Promise<ReloadResult> => {
    try {
      const next = await invocation.reload();
      const problem = await apply(next);
      const news = next.warnings.filter((warning) => !warnings.includes(warning));
      ({ settings, warnings } = next);
      const unapplied = findUnapplied(role, first, settings).map(
        (key) => `"${key}" takes effect when the daemon is restarted`,
      );
      for (const warning of [...news, ...unapplied]) log.warn(warning);
      log.info(problem === undefined ? RELOADED : WITHOUT_POLICY);
      const problems = problem === undefined ? [] : [`Every call is denied: ${problem}`];
      return { problems, warnings: [...next.warnings, ...unapplied] };
    } catch (thrown) {
      // Reading the new settings has configured the log already.
      configureLog(settings.log);
      const { message } = NegotiatorError.from(thrown);
      const problem = `The old configuration stays: ${message}\nThen load it: negotiator ${role} reload`;
      log.error(problem);
      return { problems: [problem], warnings: [] };
    }
  };
  const reloadNow = async (): Promise<ReloadResult> => {
    notifyService(notifySocket(), reloadingNow());
    const { problems, warnings: known } = await readAgain();
    const commands = await loadCommands?.().catch((thrown: unknown): CommandNews => {
      const { message } = NegotiatorError.from(thrown);
      return { problem: `The old commands stay: ${message}`, warnings: [] };
    });
    const { problem, warnings: more = [] } = commands ?? {};
    if (problem !== undefined) log.error(problem);
    for (const warning of more) log.warn(warning);
    notifyService(notifySocket(), "READY=1");
    return {
      problems: [...problems, ...(problem === undefined ? [] : [problem])],
      warnings: [...known, ...more],
    };
  };
  let reloading: Promise<unknown> = Promise.resolve();
  const reload = (): Promise<ReloadResult> => {
    const next = reloading.then(reloadNow);
    reloading = next;
    return next;
  };
  limitCommands(await findStartedLimit());
  using running = new DisposableStack();
  running.defer(startAllCarriers);
  running.use(everyTick(() => reapOrphans()));
  running.use(feedWatchdog(watchdogRequest()));
  notifyService(notifySocket(), "READY=1");
  signals.onReload(() => void reload());
  reloader?.set(reload);
  const drainMs = (): number => settings.drainSeconds * 1000;
  const cause = await Promise.race([
    signals.stopSignal,
    awaitReexec({ role, signals, methods: options.reexec, handedOver: options.handedOver, drainMs }),
  ]);
  const next = typeof cause === "string" ? undefined : cause;
  const signal = typeof cause === "string" ? cause : "Replacing the program";
  if (next === undefined) notifyService(notifySocket(), "STOPPING=1");
  const count = openCalls();
  const calls = count === 1 ? "1 call" : `${count} calls`;
  log.info(
    `${signal}: ${count === 0 ? "stopping" : `waiting up to ${settings.drainSeconds} s for ${calls}`}`,
  );
  await drain(options, drainMs(), signals.abort);
  signals.endInTime?.(next === undefined ? 0 : 1);
  // From here on, another signal ends the process at once.
  signals[Symbol.dispose]();
  return next;
}

/** Its socket has users, and the other sides know its limits and forms, so these keys hold to the end. */
function findUnapplied(role: DaemonOptions["role"], first: Settings, next: Settings): string[] {
  const fixed = [
    `${role}.control`,
    "rawPayloads",
    ...(role === "guest" ? ["guest.freezeHook", "guest.freezeSeconds"] : []),
    ...Object.keys(first.detached).map((name) => `detached.${name}`),
    ...Object.keys(first.limits).map((name) => `limits.${name}`),
  ];
  return fixed.filter((key) => settingAt(first, key) !== settingAt(next, key));
}

/** In the last part of a drain no new calls are taken, so that those that run can end. */
const LAST_MS = 1000;

/** Takes new calls until there are none, or until it is soon over: one that comes later would be lost. */
async function drain(
  { openCalls, refuseStarts }: Pick<DaemonOptions, "openCalls" | "refuseStarts">,
  limitMs: number,
  abort: AbortSignal,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const leftMs = abort.aborted ? 0 : endMs - performance.now();
    const count = openCalls();
    if (count === 0 || leftMs < LAST_MS) refuseStarts();
    if (count === 0 || leftMs <= 0) return;
    await pause(DRAIN_STEP_MS, abort);
  }
}
