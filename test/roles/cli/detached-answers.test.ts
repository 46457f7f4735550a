/** The subcommands for detached calls with given answers of a daemon. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";
import {
  attachCall,
  cancelCall,
  showCalls,
  signalCall,
  waitForCalls,
} from "../../../src/roles/cli/detached.ts";
import type { CallRow } from "../../../src/roles/daemon/detached-relay.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { listenAsDaemon, noAnswer } from "../../support/false-daemon.ts";
import type { FalseAnswer } from "../../support/false-daemon.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
});

afterEach(() => directory[Symbol.asyncDispose]());

type Subcommand = typeof showCalls;
type Given = { role?: "host" | "guest"; words?: readonly string[]; options?: Record<string, string | true> };

const ROLES = ["host", "guest"] as const;

/** Runs a subcommand beside a daemon with these answers; without them, no daemon runs. */
async function run(subcommand: Subcommand, answer: FalseAnswer | undefined, given: Given = {}) {
  const { role = "host", words = [], options = {} } = given;
  await using owned = new AsyncDisposableStack();
  const control = directory.at("control.sock");
  if (answer !== undefined) owned.use(await listenAsDaemon(role, control, answer));
  const settings = { [role]: { ...DEFAULTS[role], control } };
  return await spyOnOutput(() => subcommand(role, invocationOf(settings, options, words)));
}

const END: ExecuteResult = { exitCode: 0, signal: null, endedBy: "command", durationMs: 5 };
const SIGNALLED = { exitCode: null, signal: "SIGTERM" };

const ROW: CallRow = {
  id: "abc",
  method: "execute",
  command: "check",
  state: "running",
  isDetached: true,
  startedMs: 3000,
  direction: "out",
};

const listing =
  (calls: readonly CallRow[], more: object = {}): FalseAnswer =>
  () => ({ calls, silent: [], leftOut: 0, ...more });

/** Returns the rows of `calls`, without the titles. */
async function rowsOf(calls: readonly CallRow[], given: Given = {}): Promise<string[]> {
  const { stdout } = await run(showCalls, listing(calls), given);
  return stdout.trimEnd().split("\n").slice(1);
}

test.each<[name: string, subcommand: Subcommand]>([
  ["calls", showCalls],
  ["attach", attachCall],
  ["wait", waitForCalls],
  ["cancel", cancelCall],
  [
    "signal",
    (role, { config, ...rest }) =>
      signalCall(role, { ...rest, config, words: { options: new Map(), positionals: ["abc", "TERM"] } }),
  ],
])("%s without a daemon says how to start one", async (_, subcommand) => {
  const error = await rejectionOf(run(subcommand, undefined));
  expect(error.message).toStartWith(`No daemon of negotiator listens at "${directory.at("control.sock")}"\n`);
});

test.each<[words: string[], params: object]>([
  [[], {}],
  [["web1"], { guest: "web1" }],
])("calls %j asks the daemon with %j; no calls print nothing", async (words, params) => {
  const asked: unknown[] = [];
  const answer: FalseAnswer = (...call) => {
    asked.push(call.slice(0, 2));
    return { calls: [], silent: [], leftOut: 0 };
  };
  expect(await run(showCalls, answer, { words })).toEqual({
    result: { exitCode: 0 },
    stdout: "",
    stderr: "",
  });
  expect(asked).toEqual([["calls", params]]);
});

test("calls is a table with titles, and --json gives a line for each call", async () => {
  const { stdout } = await run(showCalls, listing([ROW, { ...ROW, id: "x\u001b" }]));
  expect(stdout.split("\n")).toEqual([
    "CALL        WITH  USER  COMMAND  BEGUN    STATE",
    "abc    out              check    3 s ago  running",
    "x\\x1b  out              check    3 s ago  running",
    "",
  ]);
  const json = await run(showCalls, listing([ROW]), { options: { json: true } });
  expect(json.stdout).toBe(`${JSON.stringify(ROW)}\n`);
});

test.each<[row: Partial<CallRow>, role: "host" | "guest", shown: RegExp]>([
  [{ guest: "web1" }, "host", /^abc +out +web1 +check/],
  [{}, "guest", /^abc +out +host +check/],
  [{ guest: "web1" }, "guest", /^abc +out +web1 +check/],
  [{ caller: { uid: 5, name: "alice" } }, "host", /^abc +out +alice +check/],
  [{ caller: { uid: 5 } }, "host", /^abc +out +5 +check/],
  [{ caller: {} }, "host", /^abc +out +check/],
  [{ state: "finished" }, "host", / finished$/],
  [{ state: "running", exitCode: 3, endedBy: "command" }, "host", / running$/],
  [{ state: "finished", exitCode: 3, endedBy: "command" }, "host", / exit code 3$/],
  [{ state: "finished", endedBy: "command" }, "host", / exit code 125$/],
  [{ state: "finished", signal: "SIGHUP", endedBy: "cancel" }, "host", / ended by SIGHUP$/],
  [{ state: "finished", signal: "SIGTERM", endedBy: "deadline" }, "host", / ended by its deadline$/],
  [{ state: "finished", signal: "SIGTERM", endedBy: "limit" }, "host", / ended by its deadline$/],
])("calls shows %j at a %s as %p", async (row, role, shown) => {
  expect(await rowsOf([{ ...ROW, ...row }], { role })).toEqual([expect.stringMatching(shown)]);
});

test.each<[more: object, stderr: string]>([
  [
    { silent: ["a", "b\u001b"] },
    "negotiator: Without the calls of a, b\\x1b: no answer came in time, or it is not a list\n",
  ],
  [{ leftOut: 1 }, "negotiator: 1 more calls are not shown: name a guest to see all of its calls\n"],
  [{}, ""],
])("calls with %j warns on stderr, also without a call", async (more, stderr) => {
  expect((await run(showCalls, listing([], more))).stderr).toBe(stderr);
  expect(await run(showCalls, listing([ROW], more))).toMatchObject({
    stderr,
    stdout: expect.stringContaining("abc"),
  });
});

test.each<[end: Partial<ExecuteResult>, exitCode: number, text: string]>([
  [{}, 0, "exit code 0"],
  [{ exitCode: 7 }, 7, "exit code 7"],
  [SIGNALLED, 143, "ended by SIGTERM"],
  [{ ...SIGNALLED, endedBy: "deadline" }, 124, "ended by its deadline"],
  [{ ...SIGNALLED, endedBy: "limit" }, 124, "ended by its deadline"],
])("wait and cancel of a call that ends with %j", async (end, exitCode, text) => {
  const asked: unknown[] = [];
  const answer: FalseAnswer = (...call) => {
    asked.push(call.slice(0, 2));
    return { ...END, ...end };
  };
  const waited = await run(waitForCalls, answer, { words: ["abc"] });
  expect({ stdout: waited.stdout, exitCode: waited.result.exitCode }).toEqual({ stdout: "", exitCode });
  expect(waited.result.error?.code).toBe(exitCode === 124 ? "TIMEOUT" : undefined);
  expect(await run(cancelCall, answer, { words: ["abc"] })).toEqual({
    result: { exitCode: 0 },
    stdout: `Cancelled: ${text}\n`,
    stderr: "",
  });
  expect(asked).toEqual([
    ["attach-call", { call: "abc", from: "now" }],
    ["cancel-call", { call: "abc" }],
  ]);
});

test("wait for a call that another one cancels says so", async () => {
  const { result } = await run(waitForCalls, () => ({ ...END, ...SIGNALLED, endedBy: "cancel" }), {
    words: ["abc"],
  });
  expect(result).toMatchObject({
    exitCode: 143,
    error: {
      code: "CANCELLED",
      message:
        "The command was ended early: by cancel, or with the daemon that ran it\n" +
        "Start it again if it has to run to its end",
    },
  });
});

test.each([
  [[0, 0], 0],
  [[0, 7], 1],
  [[7, 0], 1],
  [[0, 0, 0], 0],
])("wait for calls that end with %j prints each, and exits with %i", async (codes, exitCode) => {
  const answer: FalseAnswer = (_, params) => ({ ...END, exitCode: codes[Number(Object(params).call)] });
  const words = codes.map((_, index) => `${index}`);
  expect(await run(waitForCalls, answer, { words })).toEqual({
    result: { exitCode },
    stdout: codes.map((code, index) => `${index}: exit code ${code}\n`).join(""),
    stderr: "",
  });
});

test.each(ROLES)("signal of a %s takes a name with and without SIG, and refuses others", async (role) => {
  const asked: unknown[] = [];
  const answer: FalseAnswer = (...call) => {
    asked.push(call.slice(0, 2));
    return {};
  };
  for (const name of ["TERM", "SIGTERM"])
    expect(await run(signalCall, answer, { role, words: ["abc", name] })).toEqual({
      result: { exitCode: 0 },
      stdout: "",
      stderr: "",
    });
  const signalled = ["signal-call", { call: "abc", signal: "SIGTERM" }];
  expect(asked).toEqual([signalled, signalled]);
  const error = await rejectionOf(run(signalCall, answer, { role, words: ["abc", "SIG\u001b"] }));
  expect(error.code).toBe("BAD_USAGE");
  expect(error.message).toMatch(/^Cannot send the signal "SIG\\x1b"\nUse one of: SIG/);
  expect(error.message).toEndWith(`To end a call: negotiator ${role} cancel CALL`);
  expect(asked).toHaveLength(2);
});

/** Writes to the streams of an attached call, and ends it. */
async function serveAttached(call: Parameters<FalseAnswer>[2], end: object = END): Promise<void> {
  await call.writer("stdout").write(Buffer.from("out\u001b[31m\n"));
  await call.writer("stderr").write(Buffer.from("err\n"));
  call.respond(end);
}

test.each<[options: Record<string, true>, from: string]>([
  [{}, "start"],
  [{ follow: true }, "now"],
])("attach with %j asks from %s, and gives output and exit code", async (options, from) => {
  const asked: unknown[] = [];
  const answer: FalseAnswer = (method, params, call) => {
    asked.push([method, params, call.streams]);
    void serveAttached(call, { ...END, exitCode: 7 });
    return noAnswer;
  };
  expect(await run(attachCall, answer, { words: ["abc"], options: { ...options, raw: true } })).toEqual({
    result: { exitCode: 7 },
    stdout: "out\u001b[31m\n",
    stderr: "err\n",
  });
  expect(asked).toEqual([
    [
      "attach-call",
      expect.objectContaining({ call: "abc", from }),
      { read: [], written: ["stdout", "stderr"] },
    ],
  ]);
});

const serveCancelled: FalseAnswer = (_method, _params, call) => {
  void serveAttached(call, { ...END, ...SIGNALLED, endedBy: "cancel" });
  return noAnswer;
};

test("attach to a call that another one cancels gives the output and says so", async () => {
  const { result, stderr } = await run(attachCall, serveCancelled, { words: ["abc"] });
  expect({ exitCode: result.exitCode, code: result.error?.code, stderr }).toEqual({
    exitCode: 143,
    code: "CANCELLED",
    stderr: "err\n",
  });
});
