/** How a conversation fares, as `status` shows it. */
import * as v from "valibot";
import type { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Session } from "../../wire/session/session.ts";

export const LINK_STATES = ["open", "unresponsive", "waiting", "legacy"] as const;

/**
 * `state`: `open` when the other side answers, `unresponsive` when it did once and is silent now, `waiting` when it never
 * did, `legacy` when it is a python-negotiator. `since`: ISO 8601, when that began. `calls` under way: ours there, and
 * theirs here.
 */
export const LinkStatusEntries = {
  state: v.picklist(LINK_STATES),
  dialect: v.nullable(v.picklist(["native", "legacy"])),
  version: v.nullable(v.string()),
  since: v.string(),
  calls: v.object({ outgoing: v.number(), incoming: v.number() }),
  lastError: v.nullable(v.string()),
};
export const LinkStatusSchema = v.object(LinkStatusEntries);
export type LinkStatus = v.InferOutput<typeof LinkStatusSchema>;

export type LinkStatusTracker = {
  /** Takes note of a failure; whether it is news. */
  note(error: NegotiatorError): boolean;
  /** To be called whenever the session's state has changed. */
  follow(session: Session): void;
  status(session: Session): LinkStatus;
};

export function createLinkStatus(limits: Pick<Limits, "unresponsiveAfterMs">): LinkStatusTracker {
  let lastError: string | null = null;
  let lastState: LinkStatus["state"] = "waiting";
  let since = new Date();

  const follow = (session: Session): void => {
    const state = stateOf(session);
    if (state !== lastState) since = beginningOf(state, session, limits.unresponsiveAfterMs);
    if (state === "open") lastError = null;
    lastState = state;
  };

  return {
    note({ message }) {
      const isNews = message !== lastError;
      lastError = message;
      return isNews;
    },
    follow,
    status(session) {
      follow(session);
      return {
        state: lastState,
        dialect: lastState === "legacy" ? "legacy" : session.peer === undefined ? null : "native",
        version: session.peer?.version ?? null,
        since: since.toISOString(),
        calls: { outgoing: session.outgoingCount, incoming: session.incomingCount },
        lastError,
      };
    },
  };
}

function stateOf({ state, peer, isResponsive }: Session): LinkStatus["state"] {
  if (state === "foreign") return "legacy";
  if (peer === undefined) return "waiting";
  return state === "open" && isResponsive ? "open" : "unresponsive";
}

/** Now, but for a silence: a listener tells nobody that it has lasted too long by now. */
function beginningOf(
  state: LinkStatus["state"],
  { isResponsive, heardMs }: Session,
  unresponsiveAfterMs: number,
): Date {
  if (state !== "unresponsive" || isResponsive) return new Date();
  return new Date(Date.now() + heardMs + unresponsiveAfterMs - performance.now());
}

/** One line for people; a side may have states of its own besides. */
export function formatLinkStatus(status: Omit<LinkStatus, "state"> & { state: string }): string {
  const { state, version, since, calls, lastError } = status;
  const parts = [
    state,
    version === null ? [] : [`negotiator ${version}`],
    `since ${since}`,
    `${calls.outgoing} calls out, ${calls.incoming} in`,
    lastError === null ? [] : [`last error: ${lastError.replaceAll("\n", "; ")}`],
  ];
  return parts.flat().join(", ");
}
