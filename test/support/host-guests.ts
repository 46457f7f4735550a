/**
 * Owns the host's side of a stage's guests in this process; the test reports found guests in place of the
 * watch.
 */
import { createGuests } from "../../src/roles/host/guests.ts";
import type { Guests } from "../../src/roles/host/guests.ts";
import { DIALECTS } from "../../src/peers/dialects.ts";
import { createServices } from "../../src/roles/daemon/services.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Stage } from "./stage.ts";
import { unsetConfig } from "./unset-config.ts";
import { until } from "./until.ts";

/** A report of the watch without any change. */
export const NO_CHANGES = { appeared: [], changed: [], gone: [] };

/**
 * Creates the guests with the default settings and `changes`. By default no guest may call this host.
 * `onUnreachable` is called when a guest cannot be dialled, and stands for a new look.
 */
export function createHostGuests(
  stage: Pick<Stage, "at">,
  changes: Partial<Settings> = {},
  onUnreachable?: () => Promise<void> | void,
): Guests {
  const places = { policyFile: stage.at("none.toml"), audit: { ...DEFAULTS.audit, file: stage.at("audit") } };
  const services = createServices("host", unsetConfig({ ...DEFAULTS, ...places, ...changes }));
  const guests = createGuests(services, DIALECTS, { onUnreachable: async () => onUnreachable?.() });
  return {
    ...guests,
    async [Symbol.asyncDispose]() {
      await guests[Symbol.asyncDispose]();
      await services[Symbol.asyncDispose]();
    },
  };
}

/** Waits until the first guest has an open session. */
export function untilOpen(guests: Guests): Promise<unknown> {
  return until("the guest answers", () => guests.status()[0]?.state === "open");
}
