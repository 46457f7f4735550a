/** Makes the commands of a daemon for tests that have no daemon. */
import type { CommandSources } from "../../src/methods/commands.ts";
import { createUserCache } from "../../src/process/user-cache.ts";
import { createCommandCatalogue } from "../../src/roles/daemon/command-catalogue.ts";
import type { CatalogueOptions, LoadedCatalogue } from "../../src/roles/daemon/command-catalogue.ts";

/** Returns a catalogue that takes files at once, and looks again only at a call. */
export function createTestCatalogue(
  sources: () => CommandSources,
  changes: Partial<CatalogueOptions> = {},
): LoadedCatalogue {
  return createCommandCatalogue({
    role: "host",
    sources,
    users: createUserCache(),
    tick: neverTick,
    restMs: 1,
    ...changes,
  });
}

function neverTick(): Disposable {
  return { [Symbol.dispose]: () => undefined };
}
