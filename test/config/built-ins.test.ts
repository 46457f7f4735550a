/** The setting `builtIns`: only names of built-in commands are allowed. */
import { expect, test } from "bun:test";
import { loadConfig } from "../../src/config/config.ts";
import { errorOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

async function problemsOf(toml: string): Promise<string[]> {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", toml);
  return errorOf(() => loadConfig({ file, environment: {} }))
    .message.replace(file, "FILE")
    .split("\n");
}

test("an unknown name is refused with the nearest name, or with all names", async () => {
  const all =
    "find-disk-usage, find-distribution-codename, find-distribution-release, find-distributor-id, " +
    "find-ip-addresses";
  expect(await problemsOf('builtIns = ["find-ip-adresses", "uptime", "find-disk-usage"]')).toEqual([
    "Cannot use FILE:",
    '  line 1: builtIn 1: there is no built-in command "find-ip-adresses"; did you mean "find-ip-addresses"?',
    `  line 1: builtIn 2: there is no built-in command "uptime"; there are: ${all}`,
  ]);
});

test("a value that is not a list of texts is refused", async () => {
  expect(await problemsOf('builtIns = "find-disk-usage"')).toEqual([
    "Cannot use FILE:",
    '  line 1: builtIns must be a list; write: builtIns = ["find-disk-usage"]',
  ]);
  expect(await problemsOf("builtIns = [1]")).toEqual([
    "Cannot use FILE:",
    '  line 1: builtIn 1 must be text; this is 1; write: "1"',
  ]);
});

test("a variable names the built-in commands, separated by commas and blanks", () => {
  const environment = { NEGOTIATOR_BUILT_INS: "find-disk-usage, find-ip-addresses" };
  const { settings } = loadConfig({ file: "/dev/null", environment });
  expect(settings.builtIns).toEqual(["find-disk-usage", "find-ip-addresses"]);
});
