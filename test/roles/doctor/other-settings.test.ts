/** The settings that only the daemon has are findings, the config's path first, and five at most. */
import { expect, test } from "bun:test";
import type { Config } from "../../../src/config/config.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { findOtherSettings } from "../../../src/roles/doctor/other-settings.ts";
import type { DaemonSettings } from "../../../src/roles/doctor/other-settings.ts";

const PATH = "/etc/my config.toml";
const CONFIG: Config = {
  file: { path: PATH, text: undefined },
  settings: DEFAULTS,
  origins: new Map(),
  warnings: [],
};
const SAME: DaemonSettings = { configPath: PATH, setElsewhere: {} };
const OUR_LEVEL = JSON.stringify(DEFAULTS.log.level);
const LOOK = "Look at its service: systemctl cat negotiator-guest";

const found = (settings: Partial<DaemonSettings>) =>
  findOtherSettings({ ...SAME, ...settings }, CONFIG, "guest");

test("a daemon with the same config and settings has no finding", () => {
  expect(found({})).toEqual([]);
  expect(found({ configPath: undefined })).toEqual([]);
  const value = JSON.stringify(DEFAULTS.drainSeconds);
  expect(found({ setElsewhere: { drainSeconds: { value, origin: "option" } } })).toEqual([]);
});

test("another config is a warning with both remedies", () => {
  expect(found({ configPath: "/tmp/a b\u001b" })).toEqual([
    {
      level: "warning",
      text: `the daemon uses the config /tmp/a b\\x1b, and doctor looks at ${PATH}`,
      remedy:
        "Look at that: negotiator guest doctor --config '/tmp/a b\\x1b'\n" +
        "To let the daemon use this one, see its service: systemctl cat negotiator-guest",
    },
  ]);
});

test.each([
  ["option", "an option"],
  ["NEGOTIATOR_LOG_LEVEL", "NEGOTIATOR_LOG_LEVEL"],
])("a setting of the daemon from %s is a warning", (origin, from) => {
  expect(found({ setElsewhere: { "log.level": { value: '"debug"', origin } } })).toEqual([
    {
      level: "warning",
      text: `the daemon has log.level = "debug" from ${from}, and doctor sees ${OUR_LEVEL}`,
      remedy: `Set log.level in ${PATH} instead. ${LOOK}`,
    },
  ]);
});

test("of many settings, five findings are shown", () => {
  const setElsewhere = Object.fromEntries(
    Array.from({ length: 9 }, (_, index) => [`limits.key${index}`, { value: "1", origin: "option" }]),
  );
  const all = found({ configPath: "/other", setElsewhere });
  expect(all).toHaveLength(5);
  expect(all[0]?.text).toContain("/other");
  expect(all[4]?.text).toContain("limits.key3");
});
