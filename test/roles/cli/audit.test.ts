/** The subcommand `audit`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, renameSync } from "node:fs";
import { formatAuditEntry } from "../../../src/roles/cli/audit-text.ts";
import { readSince } from "../../../src/roles/cli/since.ts";
import { launch } from "../../support/program.ts";
import type { Ended } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

let directory: TemporaryDirectory;
let env: Record<string, string>;

const CALL = {
  role: "host",
  direction: "incoming",
  method: "execute",
  decision: "allowed",
  command: "check",
};

function lineOf(seconds: number, members: Record<string, unknown>): string {
  const time = new Date(Date.UTC(2026, 0, 2, 3, 4, seconds)).toISOString();
  return `${JSON.stringify({ time, ...CALL, peer: { guest: "web1" }, ...members })}\n`;
}

beforeAll(async () => {
  directory = await createTemporaryDirectory();
  const file = directory.at("audit.jsonl");
  env = { NEGOTIATOR_CONFIG: await directory.write("config.toml", `audit.file = "${file}"\n`), TZ: "UTC" };
  await directory.write(
    "audit.jsonl.1",
    // A file of 0.1.0 has no starts, no users, and other words.
    lineOf(0, { callId: "0", exitCode: null, signal: "SIGTERM", endedBy: "timedOut", durationMs: 2500 }),
  );
  await directory.write(
    "audit.jsonl",
    [
      lineOf(1, { callId: "1", event: "start", user: { uid: 1000, name: "alice" }, arguments: ["a b"] }),
      lineOf(2, { callId: "2", event: "start", command: "hangs\u001b[31m" }),
      lineOf(3, {
        callId: "1",
        user: { uid: 1000, name: "alice" },
        arguments: ["a b"],
        exitCode: 0,
        signal: null,
        endedBy: "command",
        durationMs: 14,
      }),
      "not a line\n",
      lineOf(5, { callId: "5", role: "guest", peer: {} }),
      lineOf(6, { event: "left-out", ran: false, leftOut: 3, commands: { halt: 3 }, since: "2026-01" }),
    ].join(""),
  );
  await directory.write(
    "audit-denied.jsonl",
    lineOf(4, {
      callId: "4",
      peer: { guest: "db1" },
      command: "reboot",
      decision: "denied",
      rule: 2,
      reason: "not now\nForged line",
      errorCode: "DENIED",
    }),
  );
});

afterAll(() => directory[Symbol.asyncDispose]());

async function run(words: readonly string[], role = "host"): Promise<Ended> {
  await using launched = launch([role, "audit", ...words], { env });
  return await launched.ended();
}

const LINES = [
  "2026-01-02 03:04:00 in    web1     -      check: ended by SIGTERM, its deadline passed, 2.5 s",
  "2026-01-02 03:04:03 in    web1     alice  check 'a b': exit 0, 14 ms",
  "2026-01-02 03:04:04 in    db1      -      reboot: denied by rule 2: not now",
  "2026-01-02 03:04:06 in    web1     -      3 calls are not written down, since 2026-01 (halt 3)",
  "2026-01-02 03:04:02 in    web1     -      'hangs\\x1b[31m': has started",
];

describe("audit", () => {
  test("shows each call once, without control characters, and the starts without an end last", async () => {
    const { exitCode, stdout, stderr } = await run([]);
    expect(stdout.trimEnd().split("\n")).toEqual(LINES);
    const place = `${directory.at("audit.jsonl")}:4`;
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: `negotiator: Lines that are not lines of the audit: 1 (${place})\n`,
    });
  });

  test.each([
    [["--denied"], [2, 3]],
    [["--guest", "db*"], [2]],
    [["--user", "alice"], [1]],
    [["--user", "1000"], [1]],
    [
      ["--since", "2026-01-02T03:04:04Z"],
      [2, 3],
    ],
    [["--since", "2026-01-02", "--guest", "web1", "--denied"], [3]],
  ])("%j shows only those", async (words, shown) => {
    const { stdout } = await run(words);
    expect(stdout.trimEnd().split("\n")).toEqual(shown.map((index) => LINES[index] ?? ""));
  });

  test("a guest's shows the calls of its role", async () => {
    expect((await run([], "guest")).stdout).toMatch(/^\S+ \S+ in {4}host .* check: answered\n$/);
  });

  test("with --json prints the lines as they are, starts too", async () => {
    const { stdout } = await run(["--json", "--user", "alice"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line): unknown => JSON.parse(line)["event"])).toEqual(["start", undefined]);
  });

  test("without such a call says so, with exit code 0", async () => {
    const { exitCode, stdout, stderr } = await run(["--guest", "nobody-here"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toContain("No such call is in ");
  });

  test("a call is not hidden behind another one to which its caller gave the same id", async () => {
    const denied = { decision: "denied", errorCode: "DENIED" };
    const ended = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };
    await directory.write(
      "same.jsonl",
      [
        lineOf(1, { callId: "1", event: "start", command: "evil" }),
        lineOf(2, { callId: "1", event: "start" }),
        lineOf(3, { callId: "1", ...ended }),
        lineOf(4, { callId: "2", event: "start", command: "evil", arguments: ["2"] }),
        lineOf(6, { callId: "3", event: "start", command: "evil", arguments: ["3"] }),
        lineOf(7, { callId: "3", event: "start", command: "evil", arguments: ["3"] }),
        lineOf(8, { callId: "3", command: "evil", arguments: ["3"], ...ended }),
        lineOf(9, { callId: "4", event: "start", command: "evil", arguments: ["4"] }),
        lineOf(10, { callId: "4", peer: { guest: "db1" }, command: "evil", arguments: ["4"], ...ended }),
      ].join(""),
    );
    const refused = lineOf(5, { callId: "2", command: "evil", arguments: ["2"], ...denied });
    await directory.write("same-denied.jsonl", refused);
    const file = directory.at("same.jsonl");
    const config = await directory.write("same.toml", `audit.file = "${file}"\n`);
    await using launched = launch(["host", "audit"], { env: { ...env, NEGOTIATOR_CONFIG: config } });
    const { stdout } = await launched.ended();
    expect(stdout.match(/evil.*: has started/g)).toEqual([
      "evil 3: has started",
      "evil: has started",
      "evil 2: has started",
      "evil 4: has started",
    ]);
  });

  test("--follow begins with the last lines, and shows starts and ends over a rotation", async () => {
    const file = directory.at("follow.jsonl");
    const config = await directory.write("follow.toml", `audit.file = "${file}"\n`);
    appendFileSync(file, Array.from({ length: 20 }, (_, n) => lineOf(n, { callId: `${n}` })).join(""));
    await using launched = launch(["host", "audit", "--follow"], {
      env: { ...env, NEGOTIATOR_CONFIG: config },
    });
    let text = "";
    const decoder = new TextDecoder();
    const reading = (async () => {
      for (let bytes = await launched.read(); bytes !== undefined; bytes = await launched.read())
        text += decoder.decode(bytes, { stream: true });
    })();
    await until("the last ten lines are there", () => text.split("\n").length === 11);
    expect(text).toStartWith("2026-01-02 03:04:10");
    appendFileSync(file, lineOf(30, { callId: "30", event: "start", command: "slow" }));
    await until("the start is there", () => text.includes("slow: has started"));
    appendFileSync(file, lineOf(31, { callId: "31", command: "before" }));
    renameSync(file, `${file}.1`);
    appendFileSync(file, lineOf(32, { callId: "30", command: "slow", exitCode: 3 }));
    await until("the end is there", () => text.includes("slow: exit 3"));
    expect(text).toContain("before: answered\n");
    launched.kill("SIGTERM");
    await reading;
  });
});

describe("--since", () => {
  const nowMs = Date.UTC(2026, 10, 30, 12, 0, 0);

  test.each([
    ["10m", nowMs - 600_000],
    ["1.5h", nowMs - 5_400_000],
    ["2d", nowMs - 172_800_000],
    ["2026-11-30T10:00:00Z", Date.UTC(2026, 10, 30, 10)],
    ["2026-11-30 10:00+02:00", Date.UTC(2026, 10, 30, 8)],
    ["2026-11-29", new Date(2026, 10, 29).getTime()],
    ["2026-11-29 08:15", new Date(2026, 10, 29, 8, 15).getTime()],
  ])("%s is read", (text, ms) => {
    expect(readSince(text, nowMs)).toBe(ms);
  });

  test.each(["", "10", "10y", "-1h", "2026-02-31", "2026-13-01", "2026-11-30T25:00", "yesterday"])(
    "%j is refused with exit code 2 and an example",
    (text) => {
      expect(() => readSince(text, nowMs)).toThrow(
        `--since must be a span of time, a day or a time; this is "${text}"`,
      );
    },
  );
});

test.each([
  [{ exitCode: 1, endedBy: "cancelled" }, "exit 1, cancelled"],
  [{ exitCode: null, signal: null, endedBy: "deadline", durationMs: 60_000 }, "its deadline passed, 60.0 s"],
  [{ errorCode: "BUSY", problem: "too many\nwait", durationMs: 200_000 }, "BUSY: too many, 3 min"],
  [{ decision: "denied", rule: "invalid" }, "denied"],
  [{}, "answered"],
])("an entry with %j ends with %s", (members, end) => {
  expect(formatAuditEntry({ timeMs: 0, members: { ...CALL, decision: "allowed", ...members } })).toEndWith(
    `: ${end}`,
  );
});

test("members of other types than ours do no harm", () => {
  const members = { peer: 7, user: [1], command: {}, arguments: "x", exitCode: "y", rule: {}, commands: 1 };
  expect(formatAuditEntry({ timeMs: 0, members })).toContain("call: answered");
});

test("no name can pass for another column: names with blanks are quoted", () => {
  const forged = formatAuditEntry({
    timeMs: 0,
    members: {
      ...CALL,
      direction: "outgoing",
      peer: { guest: "web1     root   reboot: exit 0, 9 ms" },
      user: { name: "alice  root" },
      errorCode: "NO_GUEST",
    },
  });
  expect(forged).toEndWith("out   'web1     root   reboot: exit 0, 9 ms' 'alice  root' check: NO_GUEST");
});

test("counts name commands with commas in quotes, and tell of the calls of further commands", () => {
  const line = formatAuditEntry({
    timeMs: 0,
    members: { event: "left-out", leftOut: 9, commands: { "x 1, reboot": 2, halt: 1 }, otherCommands: 6 },
  });
  expect(line).toEndWith(
    "9 calls are not written down, since an unknown time ('x 1, reboot' 2, halt 1, other commands 6)",
  );
});
