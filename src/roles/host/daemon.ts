/**
 * Runs the host's daemon, which owns the channels of all guests and serves the guests and the local users.
 */
import { adoptConnection } from "../../channels/socket/socket-connection.ts";
import type { Settings } from "../../config/settings.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { Channel } from "../../wire/channel.ts";
import { watchEndpoints } from "../../discovery/watch.ts";
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { NextProgram } from "../../process/next-program.ts";
import { DIALECTS } from "../../peers/dialects.ts";
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
import type { PeerOf } from "../daemon/relay.ts";
import type { PeerPurpose } from "./choose-peer.ts";
import { becomeProgram } from "../daemon/reexec.ts";
import { createReexecMethods } from "../daemon/reexec-method.ts";
import { createReloader } from "../daemon/reload-method.ts";
import { runAlongside } from "../daemon/run-alongside.ts";
import { describeFiles } from "../daemon/file-status.ts";
import { startServices } from "../daemon/services.ts";
import { measureRoundTrips } from "../daemon/link-figures.ts";
import { createFinderProblems } from "./finder-problems.ts";
import type { FinderProblems } from "./finder-problems.ts";
import { createGuestMethods } from "./guest-methods.ts";
import { guestCommands } from "./guest-commands.ts";
import type { FrozenServices } from "../daemon/services.ts";
import { createFinders, readFlaggedGuests } from "./finders.ts";
import { createGuests } from "./guests.ts";
import type { AdoptedGuest, Guests } from "./guests.ts";
import type { FrozenGuest } from "./guest.ts";
import { thawEndpoints } from "./guest-endpoints.ts";
import { createReloadableWatch } from "./reloadable-watch.ts";
import type { ReloadableWatch, WatchTarget } from "./reloadable-watch.ts";
import { explainStopped } from "./no-guest.ts";
import { addStopped, createStatus } from "./status.ts";

const log = logFor("daemon");

/** The state of a host's daemon as plain data. */
type FrozenHost = { services: FrozenServices; guests: FrozenGuest[]; control: FrozenControl };

/** Resolves when the daemon has stopped after a signal and has drained. */
export async function runHostDaemon(invocation: Invocation): Promise<Outcome> {
  return becomeProgram(await serveHandedOver<FrozenHost, Next>("host", (given) => serve(invocation, given)));
}

/** The program that is to replace this one, if there is one. */
type Next = NextProgram | undefined;

/** Resolves when all is given back. */
async function serve(invocation: Invocation, { frozen, taken }: GivenState<FrozenHost>): Promise<Next> {
  using signals = beginDaemon();
  const { words, config, dialects = DIALECTS } = invocation;
  const { settings } = config;
  let current = settings;
  const flagged = readFlaggedGuests(words.options.get("socket") ?? [], dialects);
  await using services = await startServices("host", config, frozen?.services);
  const adopted = await adoptGuests(frozen?.guests ?? []);
  const reloader = createReloader("host");
  const reexec = createReexecMethods("host");
  const targetFor = (target: Settings): WatchTarget => ({
    ...createFinders(target, flagged, dialects),
    pollMs: target.host.rescanSeconds * 1000,
  });
  const watch = createReloadableWatch(targetFor(settings));
  await using guests = createGuests(services, dialects, {
    adopted,
    onUnreachable: watch.lookAgain,
    pushed: (name) => guestCommands(name, () => current),
    lookUp: (name, signal) => explainStopped(name, dialects.defaultPort, watch.stopped, signal),
  });
  const problems = createFinderProblems();
  const shares = createPeerShares();
  const relay = services.relay([
    ...createRelay(peersOf(guests), shares),
    ...createGuestMethods(peersOf(guests, "facts"), shares),
    ...createDetachedRelay({
      shares,
      openPeers: (name) => guests.openPeers(name),
      closedPeers: () => guests.closedPeers(),
      kept: services.kept,
    }),
    createStatus(async ({ measures }, signal) => {
      const [files, stopped = []] = await Promise.all([
        describeFiles(services.policy),
        watch.stopped?.list(signal),
        measures === true ? measureRoundTrips(guests.sessions()) : undefined,
        measures === true ? guests.learn() : undefined,
      ]);
      return {
        guests: addStopped(guests.status(), stopped),
        pid: process.pid,
        held: guests.heldPaths(),
        problems: problems.list(),
        ...files,
      };
    }),
    createCommandsCheck(() => services.reportCommands()),
    createPolicyCheck((request) => services.checkPolicy(request)),
    reloader.method,
    ...reexec.methods,
  ]);
  await using resources = new AsyncDisposableStack();
  const control = resources.use(
    await listenControl("host", settings.host.control, {
      limits: services.limits,
      serve: relay,
      users: services.users,
      frozen: frozen?.control,
    }),
  );
  // The binary compiles hot code late (`scripts/compile.ts`), but a host runs the same code for each guest.
  Bun.unsafe.setJITPolicy(1);
  taken();
  log.info(`Serving local users at ${settings.host.control}`);
  let next: Next;
  const run = async (): Promise<void> => {
    next = await runDaemon({
      role: "host",
      signals,
      invocation,
      async apply(next) {
        // This throws for an invalid guest, so it comes before anything changes.
        watch.replace(targetFor(next.settings));
        await services.reload(next);
        current = next.settings;
        return services.policy.problem;
      },
      loadCommands: () => services.loadCommands(),
      reloader,
      reexec,
      handedOver: {
        freeze: (): FrozenHost => ({
          services: services.freeze(),
          guests: guests.freeze(),
          control: control.freeze(),
        }),
        heldUp: () => services.heldUpCount,
      },
      openCalls: () => services.runningCount,
      refuseStarts: services.refuseStarts,
    });
  };
  const known = adopted.flatMap(({ frozen: { endpoints } }) => [
    ...endpoints.present,
    ...(endpoints.saved === undefined ? [] : [endpoints.saved.endpoint]),
  ]);
  await runAlongside((signal) => updateGuests({ guests, watch, problems, known }, signal), run);
  return next;
}

function peersOf(guests: Guests, purpose?: PeerPurpose): PeerOf {
  return (name, timeoutMs, signal, isPatient) =>
    guests.peer(name ?? "", timeoutMs, signal, { purpose, isPatient });
}

/** Takes the channels of guests over. A channel that cannot be adopted is dialled again. */
async function adoptGuests(frozen: readonly FrozenGuest[]): Promise<AdoptedGuest[]> {
  return Promise.all(
    frozen.map(async (guest) => {
      const channels = new Map<string, Channel>();
      for (const { port, link } of guest.links) {
        const channel = link.channel && (await adoptConnection(link.channel).catch(() => undefined));
        if (port !== undefined && channel !== undefined) channels.set(port, channel);
      }
      return { frozen: { ...guest, endpoints: thawEndpoints(guest.endpoints, performance.now()) }, channels };
    }),
  );
}

type Finding = {
  guests: Guests;
  watch: ReloadableWatch;
  problems: FinderProblems;
  /** The endpoints of guests of the program before. */
  known: readonly Endpoint[];
};

async function updateGuests({ guests, watch, problems, known }: Finding, signal: AbortSignal): Promise<void> {
  let isFirst = known.length === 0;
  const onScan = (all: readonly NegotiatorError[]): void => problems.follow(all);
  for await (const news of watchEndpoints(watch, signal, { first: known, onScan })) {
    if (isFirst && news.appeared.length === 0)
      log.info("No guest with a negotiator port runs yet; negotiator host list-guests says where it looked");
    isFirst = false;
    for (const problem of news.problems) log.warn(problem.message);
    for (const { guest, port } of news.appeared) log.info(`guest "${guest}": found the port ${port}`);
    for (const { guest, port, movedFrom } of news.changed)
      if (movedFrom !== undefined) log.info(`guest "${guest}": moved the port ${port}`);
    for (const { guest, port } of news.gone) log.info(`guest "${guest}": lost the port ${port}`);
    guests.update(news);
  }
}
