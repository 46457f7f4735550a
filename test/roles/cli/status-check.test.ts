/** `status --check`: levels, order and exit codes for monitoring. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { checkPeer } from "../../../src/roles/cli/status-check.ts";
import type { CheckedStatus, CheckForm } from "../../../src/roles/cli/status-check.ts";
import type { StatusRow } from "../../../src/roles/cli/status-table.ts";
import { NO_FIGURES } from "../../../src/roles/daemon/link-figures.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

function row(name: string, state: string, changes: Partial<StatusRow> = {}): StatusRow {
  const calls = { outgoing: 0, incoming: 0 };
  const unknown = { dialect: null, version: null, since: null, lastError: null };
  return { name, state, ...unknown, calls, ...NO_FIGURES, remarks: [], ...changes };
}

/** Returns the lines of the check, then its exit code. */
async function check(status: Partial<CheckedStatus>, form: Partial<CheckForm> = {}) {
  const take = async (): Promise<CheckedStatus> => ({ rows: [], problems: [], unreadFile: null, ...status });
  const { result, stdout } = await spyOnOutput(() =>
    checkPeer(take, { fine: "all is well", isJson: false, ...form }),
  );
  return [...stdout.trimEnd().split("\n"), result.exitCode];
}

test.each([
  ["open", null, "ok: all is well", 0, "ok: all is well", 0],
  [
    "open",
    "lost\nmore",
    "warning: web1: open, last error: lost",
    1,
    "warning: web1: open, last error: lost",
    1,
  ],
  ["unresponsive", null, "problem: web1: unresponsive", 2, "problem: web1: unresponsive", 2],
  ["waiting", null, "warning: web1: waiting", 1, "problem: web1: waiting", 2],
  ["waiting", "lost", "problem: web1: waiting: lost", 2, "problem: web1: waiting: lost", 2],
  ["paused", null, "warning: web1: paused", 1, "problem: web1: paused", 2],
  ["saved", null, "ok: all is well", 0, "problem: web1: saved", 2],
  ["shut off", null, "ok: all is well", 0, "problem: web1: shut off", 2],
])("state %s, last error %j: %s (%d); if the guest is named: %s (%d)", async (state, lastError, ...ends) => {
  const [line, exitCode, namedLine, namedCode] = ends;
  const rows = [row("web1", state, { lastError })];
  expect(await check({ rows })).toEqual([line, exitCode]);
  expect(await check({ rows }, { isNamed: true })).toEqual([namedLine, namedCode]);
});

test("the worst findings come first, and the worst one decides the exit code", async () => {
  const rows = [row("a", "open", { remarks: ["slow"] }), row("b", "unresponsive"), row("c", "waiting")];
  expect(await check({ rows })).toEqual([
    "problem: b: unresponsive",
    "warning: a: slow",
    "warning: c: waiting",
    2,
  ]);
});

test("a file that was not read is a warning, unless the daemon has problems of a worse kind", async () => {
  const unreadFile = "policy.toml was changed\nReload";
  expect(await check({ unreadFile })).toEqual(["warning: policy.toml was changed", 1]);
  expect(await check({ unreadFile, problems: ["no libvirt\nStart it"] })).toEqual(["problem: no libvirt", 2]);
});

test("with --json the level and the findings are one line", async () => {
  expect(await check({ rows: [row("a", "waiting")] }, { isJson: true })).toEqual([
    '{"level":"warning","findings":[{"level":"warning","name":"a","message":"waiting"}]}',
    1,
  ]);
  expect(await check({}, { isJson: true })).toEqual(['{"level":"ok","findings":[]}', 0]);
});

test.each(["NO_CHANNEL", "TIMEOUT", "NO_GUEST"] as const)(
  "a daemon that fails with %s is a problem",
  async (code) => {
    const take = () => Promise.reject(new NegotiatorError(code, "no daemon", { remedy: "Start it" }));
    const { result, stdout } = await spyOnOutput(() => checkPeer(take, { fine: "", isJson: false }));
    expect([stdout, result.exitCode]).toEqual(["problem: no daemon\n", 2]);
  },
);

test("a failure that says nothing about the daemon is not a finding", async () => {
  const checking = checkPeer(() => Promise.reject(new NegotiatorError("DENIED", "not for you")), {
    fine: "",
    isJson: false,
  });
  expect((await rejectionOf(checking)).code).toBe("DENIED");
});
