/** Defaults, file, environment, options: who wins, who is named, and how each is refused. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, symlink } from "node:fs/promises";
import { loadConfig, settingAt, variableOf } from "../../src/config/config.ts";
import type { Config, ConfigSources } from "../../src/config/config.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import type { SettingsLayer } from "../../src/config/settings.ts";
import { REMOVED_KEYS } from "../../src/config/removed-settings.ts";
import { errorOf } from "../support/error-of.ts";
import { readSourceTree } from "../support/source-tree.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

type Layers = { toml?: string; environment?: Record<string, string>; flags?: ConfigSources["flags"] };

/** `configFile` is where `toml` was written to; nothing of this machine is read. */
async function load(layers: Layers): Promise<{ config: Config; configFile: string }> {
  await using directory = await createTemporaryDirectory();
  const configFile = await directory.write("config.toml", layers.toml ?? "");
  const { environment = {}, flags = () => ({}) } = layers;
  return { config: loadConfig({ file: configFile, environment, flags }), configFile };
}

async function problemsOf(layers: Layers): Promise<unknown[]> {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", layers.toml ?? "");
  const { environment = {}, flags = () => ({}) } = layers;
  const error = errorOf(() => loadConfig({ file, environment, flags }));
  expect(error.code).toBe(error.message.startsWith("Cannot use the options") ? "BAD_USAGE" : "BAD_CONFIG");
  return error.message.replace(file, "FILE").split("\n");
}

/** The warnings under an environment of these variables. */
function warningsOf(...names: string[]): readonly string[] {
  const environment = Object.fromEntries(names.map((name) => [name, "x"]));
  return loadConfig({ file: "/dev/null", environment }).warnings;
}

/** The origin of `log.level`. */
function levelOrigin(sources: ConfigSources): string | undefined {
  return loadConfig(sources).origins.get("log.level");
}

describe("the highest layer that has a key wins", () => {
  test.each([
    [false, false, false, "info", "default"],
    [true, false, false, "error", "FILE"],
    [false, true, false, "debug", "NEGOTIATOR_LOG_LEVEL"],
    [false, false, true, "trace", "option"],
    [true, true, false, "debug", "NEGOTIATOR_LOG_LEVEL"],
    [true, false, true, "trace", "option"],
    [false, true, true, "trace", "option"],
    [true, true, true, "trace", "option"],
  ])(
    "file %p, environment %p, options %p: %s by %s",
    async (inFile, inEnvironment, inFlags, level, origin) => {
      const { config, configFile } = await load({
        toml: inFile ? '[log]\nlevel = "error"' : "",
        environment: inEnvironment ? { NEGOTIATOR_LOG_LEVEL: "debug" } : {},
        flags: () => (inFlags ? { log: { level: "trace" } } : {}),
      });
      expect(settingAt(config.settings, "log.level")).toBe(level);
      expect(config.origins.get("log.level")).toBe(origin.replace("FILE", configFile));
      expect(config.settings.log.format).toBe(DEFAULTS.log.format);
      expect(config.origins.get("log.format")).toBe("default");
    },
  );

  test("each setting can come from another layer", async () => {
    const { config, configFile } = await load({
      toml: '[log]\nlevel = "warn"',
      environment: { NEGOTIATOR_LOG_FORMAT: "json" },
    });
    expect(config.settings.log).toEqual({ level: "warn", format: "json" });
    expect([...config.origins].filter(([, origin]) => origin !== "default")).toEqual([
      ["log.level", configFile],
      ["log.format", "NEGOTIATOR_LOG_FORMAT"],
    ]);
  });

  test("the function for options gets the settings of the layers below", async () => {
    const seen: unknown[] = [];
    await load({
      toml: '[log]\nlevel = "warn"\nformat = "text"',
      environment: { NEGOTIATOR_LOG_FORMAT: "json" },
      flags: (below): SettingsLayer => {
        seen.push(structuredClone(below.log));
        return {};
      },
    });
    expect(seen).toEqual([{ level: "warn", format: "json" }]);
  });

  test("--config wins over NEGOTIATOR_CONFIG", async () => {
    await using directory = await createTemporaryDirectory();
    const named = await directory.write("named.toml", '[log]\nlevel = "warn"');
    const given = await directory.write("given.toml", '[log]\nlevel = "error"');
    const environment = { NEGOTIATOR_CONFIG: named };
    expect(levelOrigin({ environment })).toBe(named);
    expect(levelOrigin({ environment, file: given })).toBe(given);
    expect(levelOrigin({ environment: { NEGOTIATOR_CONFIG: "/none" }, file: given })).toBe(given);
  });

  test("without --config and NEGOTIATOR_CONFIG the file in /etc is read, and it may be missing", () => {
    const origin = loadConfig({ environment: {} }).origins.get("log.level") ?? "";
    expect(["default", "/etc/negotiator/negotiator.toml"]).toContain(origin);
  });

  test("a change of loaded settings does not change DEFAULTS", async () => {
    const before = structuredClone(DEFAULTS);
    const { config } = await load({ toml: '[log]\nlevel = "error"' });
    config.settings.log.format = "json";
    config.settings.limits.openCalls = 1;
    expect(DEFAULTS).toEqual(before);
    expect((await load({})).config.settings).toEqual(before);
  });
});

const LEVELS = 'one of "silent", "error", "warn", "info", "debug", "trace"';

describe("the config file", () => {
  test("a file with four bad keys is refused with all four problems", async () => {
    expect(await problemsOf({ toml: '[log]\nlevel = "loud"\nformat = 3\nfoo = 1\n[lgo]\nx = 1' })).toEqual([
      "Cannot use FILE:",
      `  line 2: log.level must be ${LEVELS}; this is the text "loud"`,
      '  line 3: log.format must be "text" or "json"; this is 3',
      "  line 4: log.foo: unknown key; allowed here: level, format",
      "  line 5: lgo: unknown key; did you mean log?",
    ]);
  });

  test("a file that is not TOML is refused, even if a variable and an option set the key", async () => {
    const problems = await problemsOf({
      toml: "[log",
      environment: { NEGOTIATOR_LOG_LEVEL: "debug" },
      flags: () => ({ log: { level: "warn" } }),
    });
    expect(problems).toEqual([
      "Cannot use FILE: line 1, column 2: after a key = is missing, or after the name of a table ]",
    ]);
  });

  test("the key __proto__ in a file is refused as unknown", async () => {
    expect(await problemsOf({ toml: '[__proto__]\nlevel = "x"\n[log.__proto__]\nlevel = "x"' })).toEqual([
      "Cannot use FILE:",
      "  line 3: log.__proto__: unknown key; allowed here: level, format",
      expect.stringMatching(/^ {2}line 1: __proto__: unknown key; allowed here: .*log/),
    ]);
    expect({}).not.toHaveProperty("level");
  });

  test.each(["file", "NEGOTIATOR_CONFIG"] as const)(
    "a file named by %s that cannot be read is refused",
    async (by) => {
      await using directory = await createTemporaryDirectory();
      await mkdir(directory.at("folder"));
      await directory.write("plain", "");
      await symlink("circle", directory.at("circle"));
      const bad = [
        [directory.at("absent"), "there is no such file"],
        ["", "there is no such file"],
        [directory.at("folder"), "it is a directory"],
        [directory.at("plain", "below"), "a part of the path is not a directory"],
        [directory.at("circle"), "its symbolic links form a loop"],
      ] as const;
      for (const [path, errno] of bad) {
        const error = errorOf(() =>
          loadConfig(
            by === "file" ? { file: path, environment: {} } : { environment: { NEGOTIATOR_CONFIG: path } },
          ),
        );
        expect(error.code).toBe("BAD_CONFIG");
        expect(error.message.replace("config ", "")).toStartWith(`Cannot read the file "${path}": ${errno}`);
      }
    },
  );

  test("control characters in the name of a missing file are shown escaped", () => {
    const { message } = errorOf(() => loadConfig({ file: "/none\u001b[31m\nx", environment: {} }));
    expect(message).toStartWith('Cannot read the config file "/none\\x1b[31m\\nx": ');
    expect(message).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe("the environment", () => {
  test("two bad variables are refused with both problems, shown escaped", async () => {
    const environment = { NEGOTIATOR_LOG_LEVEL: "x\u001b\nforged: line", NEGOTIATOR_LOG_FORMAT: "" };
    expect(await problemsOf({ environment })).toEqual([
      "Cannot use the environment:",
      String.raw`  NEGOTIATOR_LOG_LEVEL must be ${LEVELS}; this is the text "x\x1b\nforged: line"`,
      '  NEGOTIATOR_LOG_FORMAT must be "text" or "json"; this is the text ""',
      "Correct the variables, or remove them: unset NEGOTIATOR_LOG_LEVEL NEGOTIATOR_LOG_FORMAT",
    ]);
  });

  test("variables that are not settings leave the defaults as they are", async () => {
    const names = ["ROLE", "COMMAND", "CALL_ID", "GUEST", "GUEST_UUID", "LOG", "LOG_LEVEL_X", "log_level"];
    const hostile = [
      "",
      "CONSTRUCTOR",
      "__PROTO__",
      "__proto__",
      "LOG_CONSTRUCTOR",
      "LOG.LEVEL",
      "HOST",
      "LIMITS",
    ];
    const environment = Object.fromEntries([
      ...[...names, ...hostile].map((name) => [`NEGOTIATOR_${name}`, "error"] as const),
      ["LOG_LEVEL", "error"],
      ["negotiator_log_level", "error"],
      ["__proto__", "error"],
    ]);
    const { config } = await load({ environment });
    expect(config.settings).toEqual(structuredClone(DEFAULTS));
    expect(new Set(config.origins.values())).toEqual(new Set(["default"]));
  });

  test("every setting has its own variable", async () => {
    const { config } = await load({});
    const variables = [...config.origins.keys()].map(variableOf);
    expect(new Set(variables).size).toBe(config.origins.size);
    for (const variable of variables) expect(variable).toMatch(/^NEGOTIATOR(?:_[A-Z0-9]+)+$/);
    expect(variableOf("commandsDirectory")).toBe("NEGOTIATOR_COMMANDS_DIRECTORY");
    expect(variableOf("call.timeoutMs")).toBe("NEGOTIATOR_CALL_TIMEOUT_MS");
  });
});

describe("a warning for a variable that starts with NEGOTIATOR_ and sets nothing", () => {
  test.each([
    ["NEGOTIATOR_LOG_LVL", "did you mean NEGOTIATOR_LOG_LEVEL?"],
    ["NEGOTIATOR_POLICYFILE", "did you mean NEGOTIATOR_POLICY_FILE?"],
    ["NEGOTIATOR_AUDIT_MAXBYTES", "did you mean NEGOTIATOR_AUDIT_MAX_BYTES?"],
    ["NEGOTIATOR_CONFG", "did you mean NEGOTIATOR_CONFIG?"],
    ["NEGOTIATOR_log_level", "did you mean NEGOTIATOR_LOG_LEVEL?"],
    ["negotiator_log_level", "did you mean NEGOTIATOR_LOG_LEVEL?"],
    ["NEGOTIATOR_COLOR", "there is no such setting; print-config shows all"],
    ["NEGOTIATOR_", "there is no such setting; print-config shows all"],
    ["NEGOTIATOR_\u001b\nforged", "there is no such setting; print-config shows all"],
  ])("names %j", (name, says) => {
    const shown = name.replace("\u001b\n", "\\x1b\\n");
    expect(warningsOf(name, "PATH", "NEGOTIATORS", "MY_NEGOTIATOR_LOG_LVL")).toEqual([
      `The variable ${shown} sets nothing: ${says}`,
    ]);
  });

  test("comes for each such variable, and the settings stay at their defaults", () => {
    const environment = { NEGOTIATOR_LOG_LVL: "debug", NEGOTIATOR_LOG_FORMT: "json" };
    const { settings, warnings } = loadConfig({ file: "/dev/null", environment });
    expect(warnings).toHaveLength(2);
    expect(settings).toEqual(structuredClone(DEFAULTS));
  });

  test("does not come for a setting, or for the variables of a command", async () => {
    const settings = [...loadConfig({ file: "/dev/null", environment: {} }).origins.keys()];
    const environment = Object.fromEntries(settings.map((key) => [variableOf(key), undefined]));
    expect(loadConfig({ file: "/dev/null", environment }).warnings).toEqual([]);
    const files = await readSourceTree(["src"]);
    const execute = files.find(({ path }) => path === "src/methods/execute.ts")?.text ?? "";
    const given = [...execute.matchAll(/NEGOTIATOR_\w+/g)].map(([name]) => name);
    expect(given).toContain("NEGOTIATOR_GUEST_UUID");
    expect(warningsOf(...given)).toEqual([]);
  });
});

describe("a key that was removed", () => {
  const { limits } = DEFAULTS;

  test("has no effect in the file: a warning says so, and the other keys are applied", async () => {
    const toml = "[limits]\nfaults = 1\nopenCalls = 3\ncountedBytes = 'x'\n";
    const { config, configFile } = await load({ toml });
    expect(config.settings.limits).toEqual({ ...limits, openCalls: 3 });
    expect(config.warnings).toEqual(
      ["limits.countedBytes", "limits.faults"].map(
        (key) => `The key ${key} in ${configFile} no longer has an effect: remove it`,
      ),
    );
  });

  test("has no effect as a variable, whatever its value", async () => {
    const environment = { NEGOTIATOR_LIMITS_FINISHED_MS: "x", NEGOTIATOR_LIMITS_OPEN_CALLS: "3" };
    const { config } = await load({ environment });
    expect(config.settings.limits).toEqual({ ...limits, openCalls: 3 });
    expect(config.warnings).toEqual([
      "The variable NEGOTIATOR_LIMITS_FINISHED_MS no longer has an effect: remove it",
    ]);
  });

  test("timeoutSeconds gives a warning with its replacement, from the file and the environment", async () => {
    const environment = { NEGOTIATOR_TIMEOUT_SECONDS: "30" };
    const { config, configFile } = await load({ toml: "timeoutSeconds = 30\n", environment });
    const instead =
      "--timeout SECONDS gives one command a deadline, " +
      "connectTimeoutSeconds limits the time to reach the other side";
    expect(config.warnings).toEqual([
      `The key timeoutSeconds in ${configFile} no longer has an effect: remove it. ${instead}`,
      `The variable NEGOTIATOR_TIMEOUT_SECONDS no longer has an effect: remove it. ${instead}`,
    ]);
    expect(config.settings).toEqual(structuredClone(DEFAULTS));
  });

  test.each(REMOVED_KEYS)("%s is accepted and not in the settings", async (key) => {
    const { config } = await load({ toml: `${key} = 1`, environment: { [variableOf(key)]: "1" } });
    expect(config.warnings).toHaveLength(2);
    expect(config.origins.has(key)).toBe(false);
    expect(config.settings).toEqual(structuredClone(DEFAULTS));
  });

  test.each([
    "limits = 3",
    "limits = ['faults']",
    "faults = 1",
    "[limit]\nfaults = 1",
    "[[limits]]\nfaults = 1",
  ])("elsewhere is an error, as in %j", async (toml) => {
    const [head, ...problems] = await problemsOf({ toml });
    expect(head).toBe("Cannot use FILE:");
    expect(problems).toHaveLength(1);
  });
});

test("wrong options are refused with BAD_USAGE", async () => {
  // As if a command line had let something through.
  const layer: SettingsLayer = JSON.parse('{ "log": { "level": "loud", "color": true } }');
  expect(await problemsOf({ flags: () => layer })).toEqual([
    "Cannot use the options:",
    expect.stringContaining("log.level must be "),
    expect.stringContaining("log.color: unknown key"),
  ]);
});

describe("a variable is text", () => {
  test.each([
    ["a number", "connectTimeoutSeconds", "1.5", 1.5],
    ["a number with blanks", "connectTimeoutSeconds", " 7 ", 7],
    ["zero", "connectTimeoutSeconds", "0", 0],
    ["a whole number", "limits.openCalls", "8", 8],
    ["true", "audit.redactArguments", "true", true],
    ["false", "audit.redactArguments", "false", false],
    ["a list", "commandsDirectory", "/a,/b c,,/d", ["/a", "/b c", "/d"]],
    ["an empty list", "commandsDirectory", "", []],
    ["an empty text", "host.connect", "", ""],
    ["a text that looks like a number", "host.connect", "7", "7"],
  ])("%s in a variable becomes its value", async (_, key, text, value) => {
    const { config } = await load({ environment: { [variableOf(key)]: text } });
    expect(settingAt(config.settings, key)).toEqual(value);
    expect(config.origins.get(key)).toBe(variableOf(key));
  });

  test.each([
    ["a word for a number", "connectTimeoutSeconds", "seven"],
    ["a number with a unit", "connectTimeoutSeconds", "7s"],
    ["an empty text for a number", "connectTimeoutSeconds", ""],
    ["a blank for a number", "connectTimeoutSeconds", " "],
    ["infinity", "connectTimeoutSeconds", "Infinity"],
    ["NaN", "connectTimeoutSeconds", "NaN"],
    ["1 for a switch", "audit.redactArguments", "1"],
    ["TRUE for a switch", "audit.redactArguments", "TRUE"],
    ["an empty text for a switch", "audit.redactArguments", ""],
  ])("%s in a variable is refused, and the message quotes it", async (_, key, text) => {
    const problems = await problemsOf({ environment: { [variableOf(key)]: text } });
    expect(problems).toHaveLength(3);
    expect(problems[2]).toEndWith(`: unset ${variableOf(key)}`);
    expect(problems[1]).toStartWith(`  ${variableOf(key)} must be `);
    expect(String(problems[1]).replace(/; write: .*$/, "")).toEndWith(`; this is the text "${text}"`);
  });
});

test.each([0o664, 0o646])("a config with mode %o is refused, as others could write to it", async (mode) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file.toml", "");
  await chmod(path, mode);
  expect(errorOf(() => loadConfig({ file: path, environment: {} }))).toMatchObject({
    code: "BAD_CONFIG",
    message:
      `Cannot use the file "${path}": its group or everybody may write to it\n` +
      `Correct it with: chmod go-w ${path}`,
  });
  expect(loadConfig({ file: "/dev/null", environment: {} }).settings).toEqual(DEFAULTS);
});

test("settingAt returns the value of a dotted key, and undefined for an unknown key", async () => {
  const { settings } = (await load({ toml: '[log]\nlevel = "warn"' })).config;
  expect(settingAt(settings, "log.level")).toBe("warn");
  expect(settingAt(settings, "log")).toEqual({ level: "warn", format: "text" });
  expect(settingAt(settings, "log.level.deeper")).toBeUndefined();
  expect(settingAt(settings, "nothing.there")).toBeUndefined();
});

test.each([
  'policyFile = "/etc/a\\u0000b"',
  'commandsDirectory = ["/a", "/b\\u0000"]',
  'audit.file = "/a\\u0000"',
  'host.control = "/a\\u0000"',
  'host.connect = "qemu:///\\u0000"',
  'guest.characterDevice = "/dev/\\u0000"',
  'guests = [{ name = "a", socket = "/s\\u0000" }]',
  'guests = [{ name = "a\\u0000", socket = "/s" }]',
])("a NUL in %s is refused, because no path and no name can have one", async (toml) => {
  expect((await problemsOf({ toml })).join("\n")).toContain("a NUL");
});
