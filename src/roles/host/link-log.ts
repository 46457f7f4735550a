/** Logs the connections and failures of one link to a guest. */
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createQuota } from "../../policy/quota.ts";

/** The log of one link. */
export type LinkLog = {
  /** Logs a failure, and the same one again only after a connection. */
  failed(error: NegotiatorError): void;
  /** Logs that a session with `agent` is open: the first time, and the first time after each failure. */
  connected(agent: string): void;
};

const log = logFor("guests");
/** Limits log lines per link. A flapping or hostile agent must not fill the log. */
const FAILURES_LOGGED = { rate: { calls: 10, perMs: 10 * 60_000 } };

/** `now` returns the time in milliseconds, by a clock that does not jump. */
export function createLinkLog(guest: string, now: () => number): LinkLog {
  const quota = createQuota();
  let logged: string | undefined;
  let isConnectionNews = true;
  return {
    failed({ message }) {
      if (message === logged) return;
      const lease = quota.take("", FAILURES_LOGGED, now());
      if (!lease.granted) return;
      lease[Symbol.dispose]();
      logged = message;
      isConnectionNews = true;
      log.warn(`guest "${guest}": ${message}`);
    },
    connected(agent) {
      logged = undefined;
      if (isConnectionNews) log.info(`guest "${guest}": connected (${agent})`);
      isConnectionNews = false;
    },
  };
}
