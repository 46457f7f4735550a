/** The host's side of a stage's guests in the test's own hands: it is told what appears and goes, as the watch would. */
import { createGuests } from "../../src/roles/host/guests.ts";
import type { Guests } from "../../src/roles/host/guests.ts";
import { DIALECTS } from "../../src/peers/dialects.ts";
import { createServices } from "../../src/roles/daemon/services.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Stage } from "./stage.ts";
import { unsetConfig } from "./unset-config.ts";
import { until } from "./until.ts";

export const NO_NEWS = { appeared: [], changed: [], gone: [] };

/** `changes` goes over the defaults; without it no guest may call here. */
export function createHostGuests(stage: Stage, changes: Partial<Settings> = {}): Guests {
  const places = { policyFile: stage.at("none.toml"), audit: { ...DEFAULTS.audit, file: stage.at("audit") } };
  const services = createServices("host", unsetConfig({ ...DEFAULTS, ...places, ...changes }));
  const guests = createGuests(services, DIALECTS);
  return {
    ...guests,
    async [Symbol.asyncDispose]() {
      await guests[Symbol.asyncDispose]();
      await services[Symbol.asyncDispose]();
    },
  };
}

/** Waits until there is an open conversation with the first guest. */
export function untilOpen(guests: Guests): Promise<unknown> {
  return until("the guest answers", () => guests.status()[0]?.state === "open");
}
