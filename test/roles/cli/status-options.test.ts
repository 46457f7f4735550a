/** The options of `status`: the pause of --watch, and the exit code of --check. */
import { expect, test } from "bun:test";
import {
  CHECK_NOTES,
  checkExitCode,
  STATUS_NOTES,
  watchInterval,
} from "../../../src/roles/cli/status-options.ts";
import { errorOf } from "../../support/error-of.ts";

type Options = Record<string, readonly string[]>;

function read(options: Options): number | undefined {
  return watchInterval({ options: new Map(Object.entries(options)), positionals: [] });
}

test.each<[Options, number | undefined]>([
  [{}, undefined],
  [{ check: [""] }, undefined],
  [{ watch: [""] }, 2000],
  [{ watch: [""], interval: ["7", "0.5"] }, 500],
  [{ watch: [""], interval: ["0.1"] }, 100],
])("the options %j give a pause of %p ms", (options, ms) => {
  expect(read(options)).toBe(ms);
});

test.each<[Options, string]>([
  [{ interval: ["1"] }, "--interval needs --watch: without it there is only one look"],
  [{ watch: [""], check: [""] }, "--check and --watch exclude each other: a check ends with its exit code"],
  [{ watch: [""], interval: ["0.09"] }, '--interval must be at least 0.1; this is "0.09"'],
  [{ interval: ["x"] }, '--interval must be a number of seconds; this is "x"'],
])("the options %j are wrong usage: %s", (options, problem) => {
  const { code, message } = errorOf(() => read(options));
  expect([code, message.split("\n")[0]]).toEqual(["BAD_USAGE", problem]);
});

test("an error of a line with --check has the exit code 3, apart from those of a problem", () => {
  expect(checkExitCode(["status", "--check"])).toBe(3);
  expect(checkExitCode(["status", "--checks"])).toBeUndefined();
});

test("the notes name the columns and the exit codes", () => {
  expect(STATUS_NOTES).toMatch(/^On a terminal it is a table: .+ blocks commands\.$/);
  expect(CHECK_NOTES).toMatch(/^--check prints lines .+ findings }\.$/);
  expect(STATUS_NOTES + CHECK_NOTES).not.toContain("NaN");
});
