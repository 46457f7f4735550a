/**
 * One guest as the host daemon holds it: its channels, redialled for as long as it exists, and its peer. While it is saved
 * it has no channels, but its conversation stays, and goes on when it has some again.
 */
import { dialSocket } from "../../channels/socket/socket.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { makeSyncProbe } from "../../peers/legacy/exchange.ts";
import { createLegacyPeer } from "../../peers/legacy/legacy-peer.ts";
import type { Link } from "../../peers/link.ts";
import { createNativePeer } from "../../peers/peer.ts";
import type { Peer } from "../../peers/peer.ts";
import type { Session } from "../../wire/session/session.ts";
import { describeAgent, makeId } from "../identity.ts";
import { createLinkStatus } from "../daemon/link-status.ts";
import type { Services } from "../daemon/services.ts";
import { createServingLink } from "../daemon/serving-link.ts";
import { createDialectDetection } from "../../peers/dialect-detection.ts";
import { expectOtherRole } from "../wrong-side.ts";
import { pause, supervise, wentWell } from "../../peers/supervise.ts";
import { createSharedCallCount } from "../daemon/shared-call-count.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import { watchPeerTimeout } from "./peer-timeout.ts";
import { createGuestPorts } from "./guest-ports.ts";
import { createLinkLog } from "./link-log.ts";
import type { LinkLog } from "./link-log.ts";
import { noCallingPort, explainGuestSilence } from "./no-answer.ts";
import type { GuestStatus } from "./status.ts";

export type Guest = {
  readonly isSaved: boolean;
  /** Waits for the guest to show what it speaks; throws `NO_CHANNEL` when it does not in time, or until `signal`, or when it is saved. */
  peer(timeoutMs: number, signal?: AbortSignal): Promise<Peer>;
  add(endpoint: Endpoint): void;
  /** Gives a channel back whose guest was saved: nothing is dialled and no call ended until it is added anew. */
  park(endpoint: Endpoint): void;
  /** Lets go of a channel; `empty` when it was the last one. */
  remove(endpoint: Endpoint): "left" | "empty";
  status(): GuestStatus;
  /** Lets go of all channels and ends all calls, for that reason. */
  close(reason: string): Promise<void>;
};

/** An old agent writes every hello into its log, and its channel may be wanted by the old host program. */
const LEGACY_RECHECK_MS = 5 * 60_000;
const LEGACY_STEP_MS = 500;

const log = logFor("guests");

export function createGuest({ guest: name, uuid }: Endpoint, services: Services): Guest {
  const caller = uuid === undefined ? { guest: name } : { guest: name, uuid };
  const keeper = createLinkStatus(services.limits);

  const tally = createSharedCallCount(services.limits);
  const shared = { role: "host", caller, services } as const;
  const createLog = (): LinkLog => createLinkLog(name, () => performance.now());
  const mainLog = createLog();
  const speech = createDialectDetection();
  let openedMs = 0;
  /** The host's calls, and the calls of a guest's daemon, share one session. */
  const main = createServingLink({
    ...shared,
    side: "dialler",
    served: tally.open(),
    onState(state) {
      keeper.follow(main.session);
      speech.onState(state);
      if (state === "foreign") mainLog.talks("python-negotiator");
      if (state !== "open") return;
      mainLog.talks(agentOf(main.session));
      openedMs = performance.now();
      legacy.retire();
    },
  });
  const absence = watchPeerTimeout({
    isExcused: () =>
      main.session.state === "open" || lines.saved !== undefined || lines.calling?.state === "paused",
    afterMs: services.limits.abandonAfterMs,
    onGone() {
      const { incomingCount } = main.session;
      if (incomingCount > 0) log.info(`guest "${name}" has been silent for too long: its calls are ended`);
      main.session.cancelServed("its caller has been silent for too long");
    },
  });
  let recheck = new AbortController();
  /** Ends with the guest: whoever waits for it is told why. */
  const life = new AbortController();
  /** Why the calling port could not be opened at the last try. */
  let unreachable: NegotiatorError | undefined;

  const hold = (endpoint: Endpoint, link: Link, signal: AbortSignal): Promise<void> => {
    /** Of each link on its own: two that fail by turns would be news for ever. */
    const linkLog = link === main ? mainLog : createLog();
    const note = (error: NegotiatorError): void => {
      keeper.note(error);
      linkLog.trouble(error);
    };
    return supervise({
      signal,
      onFailure(error) {
        if (link === main) unreachable = error;
        note(error);
      },
      async attempt() {
        const startMs = performance.now();
        const channel = await dialSocket(endpoint.path, { signal });
        if (link === main) unreachable = undefined;
        const { state, reason } = await link.run(channel, signal);
        if (state === "foreign") await leaveToOldAgent(signal);
        else if (reason !== undefined && !signal.aborted) note(reason);
        // A guest that only refuses to talk is not asked again and again; one that is silent has had its time.
        const isRefused = link === main && state === "cut" && openedMs < startMs;
        return !isRefused && wentWell(startMs);
      },
    });
  };

  /** Until it is time to look whether the guest was upgraded. A call under way has the channel until it ends. */
  const leaveToOldAgent = async (signal: AbortSignal): Promise<void> => {
    await pause(LEGACY_RECHECK_MS, AbortSignal.any([signal, recheck.signal]));
    while (legacy.queueLength > 0 && !signal.aborted) await pause(LEGACY_STEP_MS, signal);
  };

  const lines = createGuestPorts({
    main,
    createBackLink: () => createServingLink({ ...shared, side: "listener", served: tally.open() }),
    hold,
  });

  /** The calls of the guest that are served, over all its ports. */
  const countIncoming = (): number =>
    lines
      .links()
      .values()
      .reduce((sum, { session }) => sum + session.incomingCount, 0);
  const explainSilence = (): NegotiatorError =>
    explainGuestSilence(name, main.session, lines.calling, unreachable);
  const native = createNativePeer(main.session, { explainSilence });
  const legacy = createLegacyPeer({
    async dial(signal) {
      const endpoint = lines.calling;
      if (endpoint === undefined || lines.saved !== undefined) throw explainSilence();
      return retryWhileBusy(() => dialSocket(endpoint.path, { signal }), { signal });
    },
    makeSyncProbe: () => makeSyncProbe(describeAgent("host"), makeId),
    /** Its hello was answered by a native agent; the next one of the session will be too. */
    async successor(signal) {
      if (speech.dialect === "legacy") speech.doubt();
      recheck.abort();
      recheck = new AbortController();
      if ((await speech.heard(0, signal)) === "native") return native;
      throw new NegotiatorError("CLOSED", `The agent of guest "${name}" was exchanged while it was called`, {
        remedy: "Call again",
      });
    },
    isReplaced: () => speech.dialect === "native",
    life: life.signal,
  });

  return {
    get isSaved() {
      return lines.saved !== undefined;
    },
    async peer(timeoutMs, signal) {
      if (lines.saved !== undefined) throw explainSilence();
      if (lines.calling === undefined) throw noCallingPort(name);
      const dialect = await speech.heard(timeoutMs, signal);
      life.signal.throwIfAborted();
      if (dialect === undefined) throw explainSilence();
      expectOtherRole(main.session, "host");
      return dialect === "legacy" ? legacy : native;
    },
    add(endpoint) {
      const { isBack } = lines.add(endpoint);
      if (isBack) log.info(`guest "${name}" is back: its calls go on`);
    },
    park(endpoint) {
      const { isNews } = lines.park(endpoint);
      if (isNews) log.info(`guest "${name}" was saved: its calls wait until it is restored`);
      speech.release();
    },
    remove({ port }) {
      lines.remove(port);
      return lines.isEmpty ? "empty" : "left";
    },
    status() {
      const own = keeper.status(main.session);
      const incoming = countIncoming();
      const status = { name, uuid: uuid ?? null, ...own, calls: { ...own.calls, incoming } };
      const calls = { outgoing: legacy.queueLength, incoming };
      const shown: GuestStatus =
        speech.dialect === "legacy"
          ? { ...status, state: "legacy", dialect: "legacy", version: null, calls }
          : status;
      if (lines.saved === undefined) return shown;
      // That its socket is gone, which the last tries found out, is nothing to mend.
      return { ...shown, state: "saved", since: lines.saved.since.toISOString(), lastError: null };
    },
    async close(reason) {
      absence[Symbol.dispose]();
      life.abort(new NegotiatorError("CLOSED", `The call was ended: ${reason}`));
      main.session.close(reason);
      await lines.close();
    },
  };
}

/** Who is at the other end, as it says itself. */
function agentOf({ peer }: Session): string {
  return peer === undefined ? "nobody" : `${peer.name} ${peer.version}`;
}
