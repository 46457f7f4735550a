/** The status of a link to a peer, as `status` shows it. */
import * as v from "valibot";
import type { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { printable } from "../../printable.ts";
import { NATIVE } from "../../peers/native.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { LinkFigures } from "./link-figures.ts";

/**
 * The members of a link's status.
 * - `state`: `open` while the peer answers, `unresponsive` if it answered earlier, `waiting` if it never
 *   answered. A foreign dialect's name for a peer that speaks it.
 * - `since`: the time at which the state began, in ISO 8601.
 * - `calls`: the number of our calls at the peer, and of the peer's calls here.
 */
export const LinkStatusEntries = {
  state: v.pipe(v.string(), v.maxLength(64)),
  dialect: v.nullable(v.pipe(v.string(), v.maxLength(64))),
  version: v.nullable(v.string()),
  since: v.string(),
  calls: v.object({ outgoing: v.number(), incoming: v.number() }),
  lastError: v.nullable(v.string()),
};

/** Checks the status of one link. */
export const LinkStatusSchema = v.object(LinkStatusEntries);

/** The status of one link. */
export type LinkStatus = v.InferOutput<typeof LinkStatusSchema>;

/** The status of a peer with its figures, as `status` shows it. */
export type PeerStatus = LinkStatus & LinkFigures;

/** The members of a link that its status depends on. */
export type StatusSource = Pick<PeerLink, "dialect" | "calls"> & {
  session: Pick<PeerLink["session"], "state" | "peer" | "isResponsive" | "heardMs">;
};

/** Follows one link from state to state. */
export type LinkStatusTracker = {
  /** Records a failure. Returns false if the last failure had the same message. */
  recordError(error: NegotiatorError): boolean;
  /** Forgets a failure that is over, if it was the last one. */
  clearError(error: NegotiatorError): void;
  /** Takes every change of the session's state. */
  follow(link: StatusSource): void;
  /** The status now. */
  status(link: StatusSource): LinkStatus;
};

/** Creates a tracker for a link that was never open. */
export function createLinkStatus(limits: Pick<Limits, "unresponsiveAfterMs">): LinkStatusTracker {
  let lastError: string | null = null;
  let lastState = "waiting";
  let since = new Date();

  const follow = (link: StatusSource): void => {
    const state = stateOf(link);
    if (state !== lastState) since = beginningOf(state, link, limits.unresponsiveAfterMs);
    if (state === "open") lastError = null;
    lastState = state;
  };

  return {
    recordError({ message }) {
      const isNews = message !== lastError;
      lastError = message;
      return isNews;
    },
    clearError({ message }) {
      if (message === lastError) lastError = null;
    },
    follow,
    status(link) {
      follow(link);
      const { calls, dialect, session } = link;
      const isForeign = dialect !== undefined && dialect !== NATIVE;
      const peer = isForeign ? undefined : session.peer;
      return {
        state: lastState,
        dialect: isForeign ? dialect.name : peer === undefined ? null : NATIVE.name,
        version: peer?.version ?? null,
        since: since.toISOString(),
        calls,
        lastError,
      };
    },
  };
}

function stateOf({ dialect, session: { state, peer, isResponsive } }: StatusSource): string {
  if (dialect !== undefined && dialect !== NATIVE) return dialect.name;
  if (peer === undefined) return "waiting";
  return state === "open" && isResponsive ? "open" : "unresponsive";
}

/** We may notice an unresponsive peer late, so its state began before now. */
function beginningOf(
  state: string,
  { session: { isResponsive, heardMs } }: StatusSource,
  unresponsiveAfterMs: number,
): Date {
  if (state !== "unresponsive" || isResponsive) return new Date();
  return new Date(Date.now() + heardMs + unresponsiveAfterMs - performance.now());
}

/** The status for people: one line, and one more for the remedy of the last error. */
export function formatLinkStatus({
  state,
  dialect,
  version,
  since,
  calls,
  lastError,
}: Omit<LinkStatus, "since"> & { since: string | null }): string {
  const isForeign = dialect !== null && dialect !== NATIVE.name;
  const parts = [
    printable(state),
    version === null ? [] : [`${isForeign ? "version" : "negotiator"} ${printable(version)}`],
    since === null ? [] : [`since ${since}`],
    `${calls.outgoing} calls out, ${calls.incoming} in`,
    lastError === null ? [] : [`last error: ${lastError.split("\n").map(printable).join("\n  ")}`],
  ];
  return parts.flat().join(", ");
}
