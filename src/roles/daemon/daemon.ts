/** The life that both daemons share: ready, reload, drain, stop. They stay in the foreground. */
import { journalStream, notifySocket, settingAt } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import { beginLines, configureLog, logFor } from "../../log.ts";
import { isJournal, notifyService, reloadingNow } from "./service-manager.ts";
import type { Settings } from "../../config/settings.ts";
import { catchSignals } from "./life-signals.ts";
import type { LifeSignals } from "./life-signals.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { pause } from "../../peers/supervise.ts";

export type DaemonLife = {
  role: "host" | "guest";
  signals: LifeSignals;
  /** The settings that the daemon was started with, and how to read them again. */
  invocation: Pick<Invocation, "config" | "reload">;
  /** Puts new settings in force; what it throws is logged, and it must have changed nothing then. */
  apply: (config: Config) => void;
  /** Calls that are under way; the daemon waits for them to end before it does. */
  openCalls: () => number;
};

const log = logFor("daemon");
/** How often a draining daemon looks whether its calls have ended. */
const DRAIN_STEP_MS = 50;

const STDERR = 2;

/** The first thing that a daemon does: its log begins its lines as their reader needs them, and its signals are heard. */
export function beginDaemon(): LifeSignals {
  beginLines(isJournal(journalStream(), STDERR) ? "priority" : "time");
  return catchSignals();
}

/** Says that the daemon serves, then waits: SIGHUP reloads, SIGTERM and SIGINT end it. Resolves when it has drained. */
export async function live({ role, signals, invocation, apply, openCalls }: DaemonLife): Promise<void> {
  const { settings: first, warnings } = invocation.config;
  let settings = first;
  for (const warning of warnings) log.warn(warning);
  const reload = (): void => {
    notifyService(notifySocket(), reloadingNow());
    try {
      const next = invocation.reload();
      apply(next);
      ({ settings } = next);
      for (const key of findUnapplied(role, first, settings))
        log.warn(`"${key}" takes effect when the daemon is started anew`);
      log.info("The configuration and the policy were read again");
    } catch (thrown) {
      // Reading the new settings has set the log to them already.
      configureLog(settings.log);
      log.error(`The old configuration stays: ${NegotiatorError.from(thrown).message}`);
    }
    notifyService(notifySocket(), "READY=1");
  };
  notifyService(notifySocket(), "READY=1");
  signals.onReload(reload);
  const signal = await signals.stopped;
  notifyService(notifySocket(), "STOPPING=1");
  log.info(`${signal}: waiting up to ${settings.drainSeconds} s for ${openCalls()} calls`);
  await drain(openCalls, settings.drainSeconds * 1000, signals.hurry);
  // Whoever has no patience for what is left may end it the hard way.
  signals[Symbol.dispose]();
}

/**
 * The keys of settings that hold from a daemon's start to its end and that are others now: its socket has users, and its
 * limits were told to the other side of every conversation.
 */
function findUnapplied(role: DaemonLife["role"], first: Settings, next: Settings): string[] {
  const fixed = [`${role}.control`, ...Object.keys(DEFAULT_LIMITS).map((name) => `limits.${name}`)];
  return fixed.filter((key) => settingAt(first, key) !== settingAt(next, key));
}

async function drain(openCalls: () => number, limitMs: number, hurry: AbortSignal): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (openCalls() > 0 && performance.now() < endMs && !hurry.aborted) await pause(DRAIN_STEP_MS, hurry);
}
