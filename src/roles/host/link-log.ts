/**
 * What the log says of one link to a guest: its troubles, and that the guest talks, at first and after each
 * of them.
 */
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createLimitedLog } from "../../policy/limited-log.ts";

export type LinkLog = {
  /** A failure; the same one is told once until the guest talks again. */
  trouble(error: NegotiatorError): void;
  /** The conversation is open; `agent` says with whom. */
  talks(agent: string): void;
};

const log = logFor("guests");
/** A guest whose agent comes and goes, or means harm, must not fill the log. */
const TROUBLES_LOGGED = { calls: 10, perMs: 10 * 60_000 };

/** `now` is the time in milliseconds, by a clock that does not jump. */
export function createLinkLog(guest: string, now: () => number): LinkLog {
  const warn = createLimitedLog({ write: (line) => log.warn(line), rate: TROUBLES_LOGGED, now });
  let told: string | undefined;
  let isTalkNews = true;
  return {
    trouble({ message }) {
      if (message === told) return;
      if (!warn([], `guest "${guest}": ${message}`)) return;
      told = message;
      isTalkNews = true;
    },
    talks(agent) {
      told = undefined;
      if (isTalkNews) log.info(`guest "${guest}": talks (${agent})`);
      isTalkNews = false;
    },
  };
}
