/** The subcommand `check-policy` with given answers of a daemon, and without a daemon. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { checkPolicy } from "../../../src/roles/cli/check-policy.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { listenAsDaemon } from "../../support/false-daemon.ts";
import type { FalseAnswer } from "../../support/false-daemon.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  await directory.write("policy.toml", '[[rules]]\naction = "allow"\nguests = ["web1"]\n');
});

afterEach(() => directory[Symbol.asyncDispose]());

const PARAMS = { guest: "web1", command: "find-disk-usage", args: ["a"] };

async function check(
  answer: FalseAnswer | undefined,
  { options = {}, params = PARAMS }: { options?: Record<string, string>; params?: typeof PARAMS } = {},
) {
  await using owned = new AsyncDisposableStack();
  const control = directory.at("control.sock");
  if (answer !== undefined) owned.use(await listenAsDaemon("host", control, answer));
  const settings = {
    host: { ...DEFAULTS.host, control },
    policyFile: directory.at("policy.toml"),
    commandsDirectory: [],
    builtIns: ["find-disk-usage"],
  };
  return await spyOnOutput(() => checkPolicy("host", invocationOf(settings, options), params));
}

const answering =
  (more: object): FalseAnswer =>
  (method, params) => {
    expect({ method, params }).toEqual({ method: "check-policy", params: PARAMS });
    return { steps: ["one", "two\u001b"], isAllowed: true, problems: [], stale: null, ...more };
  };

test.each<[answer: object, exitCode: number, stderr: RegExp]>([
  [{}, 0, /^$/],
  [{ isAllowed: false }, 1, /^$/],
  [{ problems: ["no\nDo it"] }, 1, /^negotiator: The call would fail: no\nDo it\n$/],
  [{ stale: "old" }, 1, /^negotiator: old\n$/],
  [{ problems: ["no"], stale: "old" }, 1, /^negotiator: The call would fail: no\nold\n$/],
  [{ warnings: ["around"] }, 0, /^[^\n]*around\n$/],
])("the daemon's verdict with %j has the exit code %i", async (more, exitCode, expected) => {
  const { result, stdout, stderr } = await check(answering(more));
  expect({ result, stdout }).toEqual({ result: { exitCode }, stdout: "one\ntwo\\x1b\n" });
  expect(stderr).toMatch(expected);
});

const fail =
  (code: "DENIED" | "UNKNOWN_METHOD" | "BUSY"): FalseAnswer =>
  () => {
    throw new NegotiatorError(code, "not now");
  };

test.each<[what: string, answer: FalseAnswer | undefined, options: Record<string, string>]>([
  ["no daemon runs", undefined, {}],
  ["the daemon denies it", fail("DENIED"), {}],
  ["the daemon is too old", fail("UNKNOWN_METHOD"), {}],
  ["another config is given", answering({}), { config: "/other.toml" }],
])("the file decides when %s", async (_, answer, options) => {
  expect(await check(answer, { options })).toEqual({
    result: { exitCode: 0 },
    stdout: "rule 1 (allow): matches\nallowed\n",
    stderr: "",
  });
  const params = { ...PARAMS, guest: "web2" };
  expect((await check(answer === undefined ? answer : fail("DENIED"), { params })).result).toEqual({
    exitCode: 1,
  });
});

test("a command that is missing here would fail", async () => {
  const { result, stderr } = await check(undefined, { params: { ...PARAMS, command: "no-such" } });
  expect(result).toEqual({ exitCode: 1 });
  expect(stderr).toStartWith('negotiator: The call would fail: Cannot run "no-such": ');
});

test("another failure of the daemon is that of the subcommand", async () => {
  expect((await rejectionOf(check(fail("BUSY")))).code).toBe("BUSY");
});

test("without a daemon, a policy that cannot be used is BAD_CONFIG", async () => {
  await directory.write("policy.toml", "rules = 5\n");
  expect((await rejectionOf(check(undefined))).code).toBe("BAD_CONFIG");
});
