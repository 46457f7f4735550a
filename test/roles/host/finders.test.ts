/** The finders of a host: which ports they report, by the table of dialects. */
import { expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { createFinders, readFlaggedGuests } from "../../../src/roles/host/finders.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";
import { errorOf } from "../../support/error-of.ts";

const NATIVE_ONLY = createDialectTable([]);
const WITH_MADE_UP = createDialectTable([MADE_UP]);
const PORT = "made-up.to-guest";
const FOUND = { guest: "web1", port: PORT, path: "/run/made-up" };

test("a --socket flag accepts the port of a dialect only if the dialect is in the table", () => {
  const flags = [`web1:${PORT}=/run/made-up`];
  expect(readFlaggedGuests(flags, WITH_MADE_UP)).toEqual([{ ...FOUND, source: "flag" }]);
  expect(errorOf(() => readFlaggedGuests(flags, NATIVE_ONLY)).code).toBe("BAD_USAGE");
});

test("the config accepts the port of a dialect only if the dialect is in the table", async () => {
  const settings: Settings = {
    ...DEFAULTS,
    host: { ...DEFAULTS.host, libvirt: "no", qemu: "no" },
    guests: [{ name: "web1", socket: "/run/made-up", port: PORT }],
  };
  const { find } = createFinders(settings, [], WITH_MADE_UP);
  const { endpoints } = await find(new AbortController().signal);
  expect(endpoints).toEqual([{ ...FOUND, source: "config" }]);
  expect(errorOf(() => createFinders(settings, [], NATIVE_ONLY)).code).toBe("BAD_CONFIG");
});
