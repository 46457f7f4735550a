/** Logs the connections and failures of one link to a guest. */
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createLimitedLog } from "../../policy/limited-log.ts";
import { clipText } from "../../wire/message.ts";

/** The log of one link. */
export type LinkLog = {
  /** Logs a failure, and the same one again only after a connection. */
  failed(error: NegotiatorError): void;
  /** Takes a failed dial. Logs it as `failed` does, once dials have failed for five seconds. */
  unreachable(error: NegotiatorError): void;
  /** Logs the quota that the guest has begun to exceed; seldom again. */
  exceeded(what: string): void;
  /** Logs that a session with `agent` is open: the first time, and the first time after each failure. */
  connected(agent: string): void;
};

const log = logFor("guests");
/** Limits log lines per link. A flapping or hostile agent must not fill the log. */
const QUOTAS_LOGGED = { calls: 1, perMs: 10 * 60_000 };
const FAILURES_LOGGED = { calls: 10, perMs: 10 * 60_000 };

/** The socket of a guest that is switched off is gone before libvirt reports the end of the guest. */
const LASTING_MS = 5000;

/** `now` returns the time in milliseconds, by a clock that does not jump. */
export function createLinkLog(guest: string, now: () => number): LinkLog {
  const warn = createLimitedLog({ write: (line) => log.warn(line), rate: FAILURES_LOGGED, now });
  const warnOfQuota = createLimitedLog({ write: (line) => log.warn(line), rate: QUOTAS_LOGGED, now });
  let logged: string | undefined;
  let isConnectionNews = true;
  let unreachableSinceMs: number | undefined;
  const failed = ({ message }: NegotiatorError): void => {
    if (message === logged) return;
    if (!warn([], `guest "${guest}": ${message}`)) return;
    logged = message;
    isConnectionNews = true;
  };
  return {
    failed,
    unreachable(error) {
      unreachableSinceMs ??= now();
      if (now() - unreachableSinceMs >= LASTING_MS) failed(error);
    },
    exceeded(what) {
      warnOfQuota([], `guest "${guest}" is slowed down: it sends ${what}`);
    },
    connected(agent) {
      unreachableSinceMs = undefined;
      logged = undefined;
      if (isConnectionNews) log.info(`guest "${guest}": connected (${clipText(agent)})`);
      isConnectionNews = false;
    },
  };
}
