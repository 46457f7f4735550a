/** The options of a command line as settings. */
import { describe, expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { optionOf, optionSettings } from "../../../src/roles/cli/option-settings.ts";
import type { SettingsLayer } from "../../../src/config/settings.ts";
import { errorOf } from "../../support/error-of.ts";

function layer(role: "host" | "guest", options: Record<string, readonly string[]>): SettingsLayer {
  const words = { options: new Map(Object.entries(options)), positionals: [] };
  return optionSettings({ role, help: "HELP" }, words, DEFAULTS);
}

describe("options", () => {
  test("that are not given set nothing", () => {
    expect(layer("host", {})).toEqual({ log: {}, host: {} });
  });

  test("set the keys of their role, and the last of several counts", () => {
    const options = { control: ["a", "b"], connect: ["qemu:///session"] };
    expect(layer("host", options)).toEqual({ log: {}, host: { control: "b", connect: "qemu:///session" } });
    const ports = { "character-device": ["/dev/x"], "qga-port": ["p"] };
    expect(layer("guest", ports)).toEqual({ log: {}, guest: { characterDevice: "/dev/x", qgaPort: "p" } });
  });

  test("for the connect timeout give seconds, 0 too", () => {
    expect(layer("host", { "connect-timeout": ["2.5"] })).toMatchObject({ connectTimeoutSeconds: 2.5 });
    expect(layer("host", { "connect-timeout": ["0"] })).toMatchObject({ connectTimeoutSeconds: 0 });
  });

  test("-v and -q count against each other", () => {
    expect(DEFAULTS.log.level).toBe("info");
    expect(layer("host", { verbose: [""] })).toMatchObject({ log: { level: "debug" } });
    expect(layer("host", { quiet: [""] })).toMatchObject({ log: { level: "warn" } });
    expect(layer("host", { quiet: ["", ""] })).toMatchObject({ log: { level: "error" } });
    expect(layer("host", { verbose: [""], quiet: [""] })).toEqual({ log: {}, host: {} });
  });

  test("for the format of the log take its formats, and nothing else", () => {
    expect(layer("host", { "log-format": ["json"] })).toEqual({ log: { format: "json" }, host: {} });
    const { code, message } = errorOf(() => layer("host", { "log-format": ["xml"] }));
    expect([code, message.split("\n")[0]]).toEqual(["BAD_USAGE", 'unknown value of --log-format "xml"']);
  });
});

test.each([
  ["guest.characterDevice", "--character-device"],
  ["guest.qgaPort", "--qga-port"],
  ["log.format", "--log-format"],
  ["connectTimeoutSeconds", "--connect-timeout"],
  ["host.control", "--control"],
  ["host.connect", "--connect"],
])("the key %s is set by %s", (key, option) => {
  expect(optionOf(key)).toBe(option);
});
