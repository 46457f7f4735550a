/** The guest's daemon: holds the port, serves the host's calls, and passes local users' calls on to the host. */
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createNativePeer } from "../../peers/peer.ts";
import { listenControl } from "../daemon/control.ts";
import { beginDaemon, runDaemon } from "../daemon/daemon.ts";
import { createLinkStatus } from "../daemon/link-status.ts";
import { createRelay } from "../daemon/relay.ts";
import { createServices } from "../daemon/services.ts";
import { createServingLink } from "../daemon/serving-link.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { pause, supervise, wentWell } from "../../peers/supervise.ts";
import { findChannel, openChannel, SERVING_PORTS } from "./port.ts";
import { explainHostSilence } from "./no-answer.ts";
import { createHostStatus } from "./status.ts";

const log = logFor("daemon");

/** Resolves when the daemon was told to stop and has drained. */
export async function runGuestDaemon(invocation: Invocation): Promise<Outcome> {
  using signals = beginDaemon();
  let { settings } = invocation.config;
  await using services = createServices("guest", invocation.config);
  const keeper = createLinkStatus(services.limits);
  const link = createServingLink({
    side: "listener",
    role: "guest",
    caller: {},
    services,
    onState(state, reason) {
      keeper.follow(link.session);
      log.debug(`host: ${state}${reason === undefined ? "" : `, ${reason.message}`}`);
    },
  });
  const { session } = link;
  /** Why there is no channel to the host, as long as there is none. */
  let missing: NegotiatorError | undefined;
  const host = createNativePeer(session, { explainSilence: () => explainHostSilence(missing) });
  const relay = services.relay([
    ...createRelay(() => Promise.resolve(host)),
    createHostStatus(() => keeper.status(session)),
  ]);
  await using held = new AsyncDisposableStack();
  held.use(await listenControl("guest", settings.guest.control, { limits: services.limits, onCall: relay }));

  log.info(`Serving local users at ${settings.guest.control}`);

  const stop = new AbortController();
  /** Ends what is done with the old device when the settings name another: an open port would stay so for ever. */
  let moved = new AbortController();
  const holding = supervise({
    signal: stop.signal,
    onFailure(error) {
      missing = error;
      if (keeper.note(error)) log.error(error.message);
    },
    async attempt(signal) {
      const leave = AbortSignal.any([signal, moved.signal]);
      const channel = await openChannel(await findChannel(settings, SERVING_PORTS), signal);
      missing = undefined;
      log.info(`Serving the host at ${channel.label}`);
      const startMs = performance.now();
      const { state, reason } = await link.run(channel, leave);
      if (state !== "ended" && reason !== undefined && keeper.note(reason))
        log.warn(`host: ${reason.message}`);
      return leave.aborted || wentWell(startMs);
    },
    wait: (ms, signal) => pause(ms, AbortSignal.any([signal, moved.signal])),
  });
  await runDaemon({
    role: "guest",
    signals,
    invocation,
    apply(next) {
      const isMoved = next.settings.guest.characterDevice !== settings.guest.characterDevice;
      ({ settings } = next);
      services.reload(next);
      if (!isMoved) return;
      moved.abort();
      moved = new AbortController();
    },
    openCalls: () => services.runningCount,
  });
  session.close("the guest's daemon stops");
  stop.abort();
  await holding;
  return { exitCode: 0 };
}
