/** The subcommand `status` of a host: the guests that it shows, and what is wrong with the daemon. */
import { expect, setSystemTime, test } from "bun:test";
import { showStatus } from "../../../src/roles/host/show-status.ts";
import { createQuickHost, guestStatus } from "../../support/quick-host.ts";
import type { LineOptions, StatusAnswer } from "../../support/quick-host.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

const WEB = guestStatus({ name: "web1" });
const DB = guestStatus({
  name: "db\n1",
  state: "unresponsive",
  lastError: "gone",
  overQuota: "too many\ncalls",
  cannot: ["cannot run commands: a\nb", "cannot freeze"],
});
const SINCE = "since 2026-01-01T00:00:00.000Z";

/** Runs `status` beside a daemon with this status. */
async function show(status: StatusAnswer, line: LineOptions = {}) {
  await using host = await createQuickHost({ daemon: { status } });
  const { result, stdout, stderr } = await spyOnOutput(() => showStatus(host.line(line)));
  const { exitCode, error } = result;
  return { exitCode, stdout, stderr, error: error?.message, asked: host.asked };
}

test("each guest is a line with its state, what it sends too much of, and what it cannot do", async () => {
  const { asked, ...shown } = await show({ guests: [DB, WEB] });
  expect(shown).toEqual({
    exitCode: 0,
    stdout:
      `db\\n1: unresponsive, negotiator 1.0.0, ${SINCE}, 0 calls out, 0 in, last error: gone, ` +
      "slowed down: it sends too many\\ncalls, cannot run commands: a\\nb, cannot freeze\n" +
      `web1: open, negotiator 1.0.0, ${SINCE}, 0 calls out, 0 in\n`,
    stderr: "",
    error: undefined,
  });
  expect(asked).toEqual([{ method: "status", params: { measures: true } }]);
});

test("with --json each guest is a line of JSON", async () => {
  const { stdout } = await show({ guests: [DB, WEB] }, { options: { json: [""] } });
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([DB, WEB]);
});

test("only the named guest is shown", async () => {
  expect((await show({ guests: [DB, WEB] }, { positionals: ["web1"] })).stdout).toBe(
    `web1: open, negotiator 1.0.0, ${SINCE}, 0 calls out, 0 in\n`,
  );
});

test("an unknown name is an error that guesses at the known ones", async () => {
  const { code, message } = await rejectionOf(show({ guests: [DB, WEB] }, { positionals: ["wbe1"] }));
  expect(code).toBe("NO_GUEST");
  expect(message).toEndWith('is called "wbe1"\nDid you mean "web1"?');
});

test("a daemon without guests is a success with the line that explains it", async () => {
  expect(await show({ guests: [] })).toMatchObject({
    exitCode: 0,
    stdout: "",
    error: "The daemon runs, and knows no guest\nLook why: negotiator host list-guests",
  });
});

test("the problems of the daemon go to stderr, with their age and remedy", async () => {
  try {
    setSystemTime(new Date("2026-03-01T12:00:30Z"));
    const problems = [
      { message: "libvirt is down\nStart it\nor not", since: "2026-03-01T12:00:00Z" },
      { message: "a socket is not ours", since: "2026-03-01T11:00:30Z" },
    ];
    const status = { guests: [WEB], problems, policyProblem: "it is broken", isProgramReplaced: true };
    const { stderr, stdout } = await show(status);
    expect(stdout).toStartWith("web1: open");
    expect(stderr.split("\n")).toEqual([
      "negotiator: The file of the running daemon's program was replaced after its start",
      "Let the daemon take the new program: negotiator host reexec",
      "negotiator: Every call is denied here: it is broken",
      "negotiator: libvirt is down (since 2026-03-01T12:00:00Z, 30 s)",
      "Start it",
      "or not",
      "negotiator: a socket is not ours (since 2026-03-01T11:00:30Z, 60 min)",
      "",
    ]);
  } finally {
    setSystemTime();
  }
});

const CHECK = { check: [""] };

test.each([
  [[], "ok: all guests that run: nothing is wrong\n"],
  [["web1"], "ok: guest web1: nothing is wrong\n"],
])("--check of %j finds nothing wrong with an open guest", async (positionals, stdout) => {
  const status = { guests: [WEB, guestStatus({ name: "off", state: "shut off" })] };
  expect(await show(status, { options: CHECK, positionals })).toMatchObject({ exitCode: 0, stdout });
});

test("--check finds a guest that is slowed down, but not what its agent cannot do", async () => {
  const guests = [guestStatus({ overQuota: "too many calls", cannot: ["cannot freeze"] })];
  expect(await show({ guests }, { options: CHECK })).toMatchObject({
    exitCode: 1,
    stdout: "warning: web1: slowed down: it sends too many calls\n",
  });
});

test("--check finds a named guest that does not run, and one of an unknown name", async () => {
  const guests = [guestStatus({ state: "shut off" })];
  expect(await show({ guests }, { options: CHECK, positionals: ["web1"] })).toMatchObject({
    exitCode: 2,
    stdout: "problem: web1: shut off\n",
  });
  const { exitCode, stdout } = await show({ guests }, { options: CHECK, positionals: ["xyz"] });
  expect({ exitCode, stdout }).toEqual({
    exitCode: 2,
    stdout: 'problem: No running guest with a negotiator channel is called "xyz"\n',
  });
});

test("--check finds a problem of the daemon, and a file that it has not read", async () => {
  const problems = [{ message: "libvirt is down", since: "2026-03-01T12:00:00Z" }];
  const failed = await show({ guests: [WEB], problems }, { options: CHECK });
  expect(failed.exitCode).toBe(2);
  expect(failed.stdout).toStartWith("problem: libvirt is down (since ");
  expect(await show({ guests: [WEB], unreadFile: "the policy is newer" }, { options: CHECK })).toMatchObject({
    exitCode: 1,
    stdout: "warning: the policy is newer\n",
  });
});

test("--check with --json gives the level and the findings", async () => {
  const { stdout } = await show({ guests: [DB] }, { options: { ...CHECK, json: [""] } });
  expect(JSON.parse(stdout)).toEqual({
    level: "problem",
    findings: [
      { level: "problem", name: "db\n1", message: "unresponsive: gone" },
      { level: "warning", name: "db\n1", message: "slowed down: it sends too many\ncalls" },
    ],
  });
});

test("without a daemon, status is an error, and --check finds a problem", async () => {
  await using host = await createQuickHost();
  const { code, message } = await rejectionOf(showStatus(host.line()));
  expect(code).toBe("NO_CHANNEL");
  expect(message).toStartWith(`No daemon of negotiator listens at "${host.control}"\n`);
  const { result, stdout } = await spyOnOutput(() => showStatus(host.line({ options: CHECK })));
  expect({ result, stdout }).toEqual({
    result: { exitCode: 2 },
    stdout: `problem: No daemon of negotiator listens at "${host.control}"\n`,
  });
});

test("a wrong interval is wrong usage, before the daemon is asked", async () => {
  await using host = await createQuickHost({ daemon: { status: { guests: [] } } });
  const line = host.line({ options: { interval: ["1"] } });
  expect((await rejectionOf(showStatus(line))).code).toBe("BAD_USAGE");
  expect(host.asked).toEqual([]);
});
