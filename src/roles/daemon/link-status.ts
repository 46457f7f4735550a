/** How a link to a peer is doing, as `status` shows it. */
import * as v from "valibot";
import type { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { NATIVE } from "../../peers/native.ts";
import type { PeerLink } from "../../peers/peer-link.ts";

/**
 * `state`: `open` when the peer answers, `unresponsive` when it answered before and is silent now, `waiting`
 * when it never answered, or the name of the foreign dialect that it speaks. `since`: when that began, ISO
 * 8601. `calls` under way: ours there, and the peer's here.
 */
export const LinkStatusEntries = {
  state: v.pipe(v.string(), v.maxLength(64)),
  dialect: v.nullable(v.pipe(v.string(), v.maxLength(64))),
  version: v.nullable(v.string()),
  since: v.string(),
  calls: v.object({ outgoing: v.number(), incoming: v.number() }),
  lastError: v.nullable(v.string()),
};

/** The answer to `status` about one link. */
export const LinkStatusSchema = v.object(LinkStatusEntries);

/** How one link is doing. */
export type LinkStatus = v.InferOutput<typeof LinkStatusSchema>;

/** The members of a link that its status is made from. */
export type StatusSource = Pick<PeerLink, "dialect" | "calls"> & {
  session: Pick<PeerLink["session"], "state" | "peer" | "isResponsive" | "heardMs">;
};

/** Follows one link from state to state. */
export type LinkStatusTracker = {
  /** Records a failure. Returns whether it is another one than the last. */
  recordError(error: NegotiatorError): boolean;
  /** To be called whenever the session's state has changed. */
  follow(link: StatusSource): void;
  status(link: StatusSource): LinkStatus;
};

/** A tracker of a link that has never been open. */
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

/** Now, except for a silence that has just become too long: that began earlier. */
function beginningOf(
  state: string,
  { session: { isResponsive, heardMs } }: StatusSource,
  unresponsiveAfterMs: number,
): Date {
  if (state !== "unresponsive" || isResponsive) return new Date();
  return new Date(Date.now() + heardMs + unresponsiveAfterMs - performance.now());
}

/** One line for people. */
export function formatLinkStatus({ state, version, since, calls, lastError }: LinkStatus): string {
  const parts = [
    state,
    version === null ? [] : [`negotiator ${version}`],
    `since ${since}`,
    `${calls.outgoing} calls out, ${calls.incoming} in`,
    lastError === null ? [] : [`last error: ${lastError.replaceAll("\n", "; ")}`],
  ];
  return parts.flat().join(", ");
}
