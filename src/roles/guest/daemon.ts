/**
 * The guest's daemon: owns the ports, answers the host's calls, and passes local users' calls to the host.
 */
import { adoptCharacterDevice } from "../../channels/port/port.ts";
import { logFor } from "../../log.ts";
import type { NextProgram } from "../../process/next-program.ts";
import { holdWhileFrozen } from "../../process/freezer.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { FrozenLink } from "../../peers/link.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { listenControl } from "../daemon/control-server.ts";
import type { FrozenControl } from "../daemon/control-server.ts";
import { serveHandedOver } from "../daemon/handover.ts";
import type { GivenState } from "../daemon/handover.ts";
import { createCommandsCheck } from "../daemon/command-report.ts";
import { beginDaemon, runDaemon } from "../daemon/daemon.ts";
import { createDetachedRelay } from "../daemon/detached-relay.ts";
import { createPolicyCheck } from "../daemon/policy-check-method.ts";
import { createPeerShares } from "../daemon/peer-shares.ts";
import { createRelay } from "../daemon/relay.ts";
import { becomeProgram } from "../daemon/reexec.ts";
import { createReexecMethods } from "../daemon/reexec-method.ts";
import { createReloader } from "../daemon/reload-method.ts";
import { describeFiles } from "../daemon/file-status.ts";
import { measureRoundTrips } from "../daemon/link-figures.ts";
import { startServices } from "../daemon/services.ts";
import { createAgentPort, freezeLockOf } from "./agent-port.ts";
import type { FrozenServices } from "../daemon/services.ts";
import { withAgent } from "./native-agent.ts";
import type { SessionState } from "../../wire/session/session.ts";
import { createHostLink } from "./host-link.ts";
import { createHostStatus } from "./status.ts";

const log = logFor("daemon");

/** The states of a session whose host may connect again. */
const CLOSED: ReadonlySet<SessionState> = new Set(["idle", "cut"]);

/** The state of a guest's daemon as plain data. */
type FrozenGuest = { services: FrozenServices; host?: FrozenLink | undefined; control: FrozenControl };

/** Runs the daemon. Resolves after a stop signal, when the running calls have ended. */
export async function runGuestDaemon(invocation: Invocation): Promise<Outcome> {
  return becomeProgram(
    await serveHandedOver<FrozenGuest, Next>("guest", (given) => serve(invocation, given)),
  );
}

/** The program that is to replace this one, if there is one. */
type Next = NextProgram | undefined;

/** Resolves when all is given back. */
async function serve(invocation: Invocation, { frozen, taken }: GivenState<FrozenGuest>): Promise<Next> {
  using signals = beginDaemon();
  const { settings } = invocation.config;
  holdWhileFrozen(freezeLockOf(settings.guest));
  await using services = await startServices("guest", invocation.config, frozen?.services);
  const dialects = invocation.dialects ?? DIALECTS;
  const agent = createAgentPort(settings, services, dialects);
  const host = createHostLink(settings, services, dialects, {
    frozen: frozen?.host,
    extend: (own) => withAgent(own, () => agent.serve()),
  });
  const port = frozen?.host?.channel;
  if (frozen !== undefined) host.thaw(port && (await adoptCharacterDevice(port).catch(() => undefined)));
  const reloader = createReloader("guest");
  const reexec = createReexecMethods("guest");
  const shares = createPeerShares();
  const relay = services.relay([
    ...createRelay(() => Promise.resolve(host.peer), shares),
    ...createDetachedRelay({
      shares,
      openPeers: () => (host.session.session.state === "open" ? [{ peer: host.peer }] : []),
      closedPeers: () => (CLOSED.has(host.session.session.state) ? [{}] : []),
      kept: services.kept,
    }),
    createHostStatus(
      async () => {
        const files = await describeFiles(services.policy);
        return { host: host.status(), qga: agent.status(), ...files };
      },
      () => measureRoundTrips([host.session.session]),
    ),
    createCommandsCheck(() => services.reportCommands()),
    createPolicyCheck((request) => services.checkPolicy(request)),
    reloader.method,
    ...reexec.methods,
  ]);
  await using held = new AsyncDisposableStack();
  const control = held.use(
    await listenControl("guest", settings.guest.control, {
      limits: services.limits,
      serve: relay,
      users: services.users,
      frozen: frozen?.control,
    }),
  );
  taken();
  log.info(`Serving local users at ${settings.guest.control}`);

  const stop = new AbortController();
  const holding = Promise.all([host.hold(stop.signal), agent.hold(stop.signal)]);
  const next = await runDaemon({
    role: "guest",
    signals,
    invocation,
    async apply(next) {
      host.reload(next.settings);
      agent.reload(next.settings);
      await services.reload(next);
      return services.policy.problem;
    },
    loadCommands: () => services.loadCommands(),
    reloader,
    reexec,
    handedOver: {
      freeze: (): FrozenGuest => ({
        services: services.freeze(),
        host: host.freeze(),
        control: control.freeze(),
      }),
      heldUp: () => services.heldUpCount + agent.heldUpCount,
    },
    openCalls: () => services.runningCount,
    refuseStarts: services.refuseStarts,
  });
  host.session.close("the guest's daemon stops");
  stop.abort();
  await holding;
  return next;
}
