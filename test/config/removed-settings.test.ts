/** Limits that were settings in 0.1.0: a config that still has one is read, with a warning. */
import { describe, expect, test } from "bun:test";
import { loadConfig, variableOf } from "../../src/config/config.ts";
import type { Config } from "../../src/config/config.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { errorOf } from "../support/error-of.ts";
import { runSource } from "../support/source-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const REMOVED = [
  "lengthPrefixedBytes",
  "countedBytes",
  "streamsPerCall",
  "streamCreditBytes",
  "unacknowledgedBytes",
  "finishedCalls",
  "finishedBytes",
  "finishedMs",
  "faults",
];
const KEPT = ["lineBytes", "openCalls", "pingAfterMs", "unresponsiveAfterMs", "abandonAfterMs"] as const;

async function loadText(toml: string): Promise<Config & { file: string }> {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", toml);
  return { ...loadConfig({ file, environment: {} }), file };
}

test("DEFAULTS has five limits, with the values of DEFAULT_LIMITS", () => {
  const limits = Object.fromEntries(KEPT.map((name) => [name, DEFAULT_LIMITS[name]]));
  expect<object>(DEFAULTS.limits).toEqual(limits);
});

describe.each(REMOVED)("limits.%s", (name) => {
  test.each(["5", "-1", '"five"', "[]"])(
    "in a file as %s gives a warning, and the other keys count",
    async (value) => {
      const { settings, origins, warnings, file } = await loadText(
        `[limits]\n${name} = ${value}\nopenCalls = 7`,
      );
      expect(warnings).toEqual([`The key limits.${name} in ${file} has no effect any more: remove it`]);
      expect(settings).toEqual({ ...DEFAULTS, limits: { ...DEFAULTS.limits, openCalls: 7 } });
      expect(origins.has(`limits.${name}`)).toBe(false);
    },
  );

  test("as a variable gives a warning and sets nothing", () => {
    const variable = variableOf(`limits.${name}`);
    const environment = { [variable]: "x" };
    const { settings, warnings } = loadConfig({ file: "/dev/null", environment });
    expect(warnings).toEqual([`The variable ${variable} has no effect any more: remove it`]);
    expect(settings).toEqual(structuredClone(DEFAULTS));
  });
});

test("each removed key has its own warning, those of the file first", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("a\nb.toml", "limits = { faults = 1, countedBytes = 2 }");
  const environment = { NEGOTIATOR_LOG_LVL: "debug", NEGOTIATOR_LIMITS_FINISHED_MS: "1" };
  const shown = file.replace("\n", "\\n");
  expect(loadConfig({ file, environment }).warnings).toEqual([
    `The key limits.countedBytes in ${shown} has no effect any more: remove it`,
    `The key limits.faults in ${shown} has no effect any more: remove it`,
    "The variable NEGOTIATOR_LIMITS_FINISHED_MS has no effect any more: remove it",
    "The variable NEGOTIATOR_LOG_LVL sets nothing: did you mean NEGOTIATOR_LOG_LEVEL?",
  ]);
});

test("print-config warns of a removed key on stderr, and shows the other limits", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", "[limits]\nfaults = 1\nopenCalls = 7\n");
  const { exitCode, stdout, stderr } = await runSource(["host", "print-config", "--config", file]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: `WARN config: The key limits.faults in ${file} has no effect any more: remove it\n`,
  });
  expect(stdout).toContain("limits.openCalls = 7");
  expect(stdout).not.toContain("faults");
});

test.each([
  ["[limits]\nfalts = 1", "limits.falts: unknown key; allowed here: "],
  ["[limits]\nfaults = 1\nopenCalls = 0", "limits.openCalls: a whole number of 1 or more is needed"],
  ["faults = 1", "faults: unknown key; allowed here: "],
  ["[log]\nfaults = 1", "log.faults: unknown key; allowed here: "],
  ["limits = [{ faults = 1 }]", "limits: a table is needed, such as [limits]; this is a list"],
  ["limits = 1", "limits: a table is needed, such as [limits]; this is 1"],
])("a config with %j is still refused", async (toml, problem) => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", toml);
  expect(errorOf(() => loadConfig({ file, environment: {} })).message).toContain(`:\n  ${problem}`);
});
