/** The options of `execute` for several guests: which choice they make, and which are refused. */
import { expect, test } from "bun:test";
import { FAN_OUT_NOTES, readFanOut } from "../../../../src/roles/host/fan-out/choice.ts";
import type { FanOutChoice } from "../../../../src/roles/host/fan-out/choice.ts";
import { errorOf } from "../../../support/error-of.ts";

type Options = Record<string, readonly string[]>;

function read(options: Options): FanOutChoice | undefined {
  return readFanOut({ options: new Map(Object.entries(options)), positionals: [] });
}

const ALL: FanOutChoice = {
  all: true,
  patterns: [],
  files: [],
  parallel: 32,
  failFast: false,
  outputDirectory: undefined,
  isJson: false,
};

test("a line without these options calls one guest", () => {
  expect(read({})).toBeUndefined();
  expect(read({ direct: [""], connect: ["qemu:///system"] })).toBeUndefined();
});

test.each<[Options, FanOutChoice]>([
  [{ all: [""] }, ALL],
  [{ guests: ["db*,web1", "x"] }, { ...ALL, all: false, patterns: ["db*", "web1", "x"] }],
  [{ "guests-file": ["a", "-"] }, { ...ALL, all: false, files: ["a", "-"] }],
  [
    { guests: ["db*"], "guests-file": ["a"] },
    { ...ALL, all: false, patterns: ["db*"], files: ["a"] },
  ],
  [
    { all: [""], parallel: ["7", "1"] },
    { ...ALL, parallel: 1 },
  ],
  [
    { all: [""], parallel: ["256"] },
    { ...ALL, parallel: 256 },
  ],
  [
    { all: [""], "fail-fast": [""], "output-dir": ["a", "b"] },
    { ...ALL, failFast: true, outputDirectory: "b" },
  ],
  [
    { all: [""], json: [""] },
    { ...ALL, isJson: true },
  ],
])("the options %j make their choice", (options, choice) => {
  expect(read(options)).toEqual(choice);
});

test.each<[Options, string]>([
  [{ parallel: ["2"] }, "--parallel is for several guests"],
  [{ "fail-fast": [""] }, "--fail-fast is for several guests"],
  [{ "output-dir": ["a"] }, "--output-dir is for several guests"],
  [{ json: [""] }, "--json is for several guests"],
  [{ all: [""], direct: [""] }, "--direct is for a call to one guest"],
  [{ guests: ["a"], keep: ["1"] }, "--keep is for a call to one guest"],
  [{ all: [""], guests: ["a"] }, "--all and --guests exclude each other"],
  [{ all: [""], "guests-file": ["a"] }, "--all and --guests exclude each other"],
  [{ guests: ["a,,b"] }, "a pattern of --guests is empty"],
  [{ guests: ["a,"] }, "a pattern of --guests is empty"],
  [{ guests: [""] }, "a pattern of --guests is empty"],
  [{ all: [""], parallel: ["0"] }, '--parallel must be a number from 1 to 256; this is "0"'],
  [{ all: [""], parallel: ["257"] }, '--parallel must be a number from 1 to 256; this is "257"'],
  [{ all: [""], parallel: ["1e1"] }, '--parallel must be a number from 1 to 256; this is "1e1"'],
  [{ all: [""], parallel: ["x\u001b"] }, '--parallel must be a number from 1 to 256; this is "x\\x1b"'],
])("the options %j are wrong usage", (options, problem) => {
  const { code, message } = errorOf(() => read(options));
  expect([code, message.split("\n")[0]]).toEqual(["BAD_USAGE", problem]);
});

test("the notes under the usage are one text", () => {
  expect(FAN_OUT_NOTES).toMatch(/^With --all, .+ in place of the output\.$/s);
  expect(FAN_OUT_NOTES).not.toContain("NaN");
});
