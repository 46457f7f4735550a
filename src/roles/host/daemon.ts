/**
 * The host's daemon: one process that holds the channels of all guests and serves them and the local users.
 */
import { readSocketFlags } from "../../discovery/named.ts";
import { watchEndpoints } from "../../discovery/watch.ts";
import { logFor } from "../../log.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { Settings } from "../../config/settings.ts";
import { runAlongside } from "../daemon/run-alongside.ts";
import { listenControl } from "../daemon/control.ts";
import { beginDaemon, live } from "../daemon/daemon.ts";
import { createRelay } from "../daemon/relay.ts";
import { createServices } from "../daemon/services.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { createFinders } from "./finders.ts";
import { createGuests } from "./guests.ts";
import type { Guests } from "./guests.ts";
import { createReloadableWatch } from "./reloadable-watch.ts";
import type { ReloadableWatch, WatchTarget } from "./reloadable-watch.ts";
import { createStatus } from "./status.ts";

const log = logFor("daemon");

/** Resolves when the daemon was told to stop and has drained. */
export async function runHostDaemon(invocation: Invocation): Promise<Outcome> {
  using signals = beginDaemon();
  const { words, config } = invocation;
  const { settings } = config;
  const flagged = readSocketFlags(words.options.get("socket") ?? []);
  await using services = createServices("host", config);
  await using guests = createGuests(services, invocation.dialects ?? DIALECTS);
  const relay = services.relay([
    ...createRelay((name, timeoutMs, signal) => guests.peer(name ?? "", timeoutMs, signal)),
    createStatus(() => guests.status()),
  ]);
  await using held = new AsyncDisposableStack();
  held.use(
    await listenControl("host", settings.host.control, { limits: services.limits, onCall: relay.call }),
  );
  const outlook = (under: Settings): WatchTarget => ({
    ...createFinders(under, flagged),
    pollMs: under.host.rescanSeconds * 1000,
  });
  const lookout = createReloadableWatch(outlook(settings));
  log.info(`Serving local users at ${settings.host.control}`);
  const serve = (): Promise<void> =>
    live({
      role: "host",
      signals,
      invocation,
      apply(next) {
        // Guests that make no sense are refused here, before anything has changed.
        lookout.replace(outlook(next.settings));
        services.reload(next);
      },
      openCalls: () => services.runningCount,
    });
  await runAlongside((signal) => watch(lookout, guests, signal), serve);
  return { exitCode: 0 };
}

async function watch(lookout: ReloadableWatch, guests: Guests, signal: AbortSignal): Promise<void> {
  for await (const news of watchEndpoints(lookout, signal)) {
    for (const problem of news.problems) log.warn(problem.message);
    for (const { guest, port } of news.appeared) log.info(`guest "${guest}": found the port ${port}`);
    for (const { guest, port } of news.gone) log.info(`guest "${guest}": lost the port ${port}`);
    guests.update(news);
  }
}
