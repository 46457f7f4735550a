/** The parts of a fan-out: targets, names of files, lines, and the summary. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { PLAIN } from "../../../src/roles/cli/paint.ts";
import { NO_FIGURES } from "../../../src/roles/daemon/link-figures.ts";
import { createLineSink } from "../../../src/roles/host/fan-out/guest-sink.ts";
import { failedResult } from "../../../src/roles/host/fan-out/guest-run.ts";
import { fileNameOf } from "../../../src/roles/host/fan-out/output-files.ts";
import { formatProgress, formatSummary } from "../../../src/roles/host/fan-out/report.ts";
import { chooseTargets } from "../../../src/roles/host/fan-out/targets.ts";
import type { TargetWords } from "../../../src/roles/host/fan-out/targets.ts";
import type { GuestStatus } from "../../../src/roles/host/status.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");

function guest(name: string, state: string, ageMs = 60_000): GuestStatus {
  const since = new Date(NOW_MS - ageMs).toISOString();
  const rest = {
    uuid: null,
    dialect: null,
    version: null,
    lastError: null,
    calls: { outgoing: 0, incoming: 0 },
  };
  return { name, state, since: state === "shut off" ? null : since, ...rest, ...NO_FIGURES };
}

const KNOWN = [
  guest("db1", "open"),
  guest("db2", "waiting"),
  guest("db3", "waiting", 1000),
  guest("old", "legacy"),
  guest("off", "shut off"),
  guest("still", "paused"),
];

function choose(words: Partial<TargetWords>) {
  return chooseTargets(KNOWN, { all: false, patterns: [], names: [], isPatient: false, ...words }, NOW_MS);
}

describe("targets", () => {
  test("of all guests those that answer come first, and old silence and those shut off never", () => {
    expect(choose({ all: true })).toEqual({
      guests: ["db1", "old", "db3"],
      absent: [
        { guest: "db2", reason: "no agent has answered yet, for 60 s" },
        { guest: "still", reason: "paused, for 60 s" },
      ],
      leftOut: ["off"],
    });
  });

  test("a guest that is named fails if it is shut off or unknown", () => {
    expect(choose({ patterns: ["off"], names: ["db1", "nobody"] })).toEqual({
      guests: ["db1"],
      absent: [
        { guest: "nobody", reason: "no such guest" },
        { guest: "off", reason: "shut off" },
      ],
      leftOut: [],
    });
  });

  test("a user who sets the time for reaching a guest waits for silent ones", () => {
    expect(choose({ patterns: ["db*"], isPatient: true })).toMatchObject({
      guests: ["db1", "db2", "db3"],
      absent: [],
    });
  });

  test("a pattern without a guest is refused", () => {
    expect(() => choose({ patterns: ["db*", "web*"] })).toThrow('No guest fits "web*"');
  });
});

test.each([
  ["web1.example-2_a+b@c:d", "web1.example-2_a+b@c:d"],
  ["../../etc/passwd", "%2E./../etc/passwd".replaceAll("/", "%2F")],
  [".hidden", "%2Ehidden"],
  ["a b\n%", "a%20b%0A%25"],
  ["ä", "%C3%A4"],
])("the files of %j begin with %j", (name, file) => {
  expect(fileNameOf(name)).toBe(file);
});

test("long names of guests have files of different names that file systems allow", () => {
  const [one, other] = [fileNameOf(`${"x".repeat(300)}1`), fileNameOf(`${"x".repeat(300)}2`)];
  expect(one).not.toBe(other);
  expect(one.length).toBeLessThan(240);
});

/** Returns what a sink writes for these pieces of output. */
async function write(pieces: readonly string[]): Promise<string[]> {
  const written: string[] = [];
  const filter = { push: (bytes: Uint8Array) => bytes, end: () => new Uint8Array() };
  const sink = createLineSink({
    prefix: "g: ",
    filters: { stdout: filter, stderr: filter },
    write(_, bytes) {
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(true);
    },
  });
  for (const piece of pieces) await sink.write("stdout", Buffer.from(piece));
  await sink.end();
  return written;
}

describe("lines", () => {
  test("a line is written when it is whole, and the last one at the end", async () => {
    expect(await write(["on", "e\ntwo\nth", "ree"])).toEqual(["g: one\ng: two\n", "g: three\n"]);
    expect(await write(["\n\n"])).toEqual(["g: \ng: \n"]);
    expect(await write([])).toEqual([]);
  });

  test("a line of exactly the most bytes stays one line", async () => {
    expect((await write([`${"x".repeat(65_536)}\n`])).join("")).toBe(`g: ${"x".repeat(65_536)}\n`);
    expect((await write([`${"x".repeat(65_537)}\n`])).join("")).toBe(`g: ${"x".repeat(65_536)}\ng: x\n`);
  });
});

describe("the summary", () => {
  const ok = { exitCode: 0, signal: null, endedBy: null, durationMs: 1234 };
  const results = [
    { guest: "web1", ...ok },
    { guest: "db1", ...ok, exitCode: 137, signal: "SIGKILL" },
    failedResult(
      "db2",
      new NegotiatorError("NO_CHANNEL", "the agent of this guest does not answer\nStart it"),
    ),
  ];

  test("80 columns", () => {
    expect(formatSummary(results, 5000, { width: 80, paint: PLAIN }).join("\n")).toBe(
      [
        "GUEST  RESULT                                    TIME",
        "db1    ended by SIGKILL                         1.2 s",
        "db2    the agent of this guest does not answer  0.0 s",
        "web1   ok                                       1.2 s",
        "3 guests: 1 succeeded, 2 failed, in 5.0 s",
      ].join("\n"),
    );
  });

  test("of many guests shows only the failures", () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ guest: `g${index}`, ...ok }));
    const lines = formatSummary([...many, ...results], 5000, { width: 80, paint: PLAIN });
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["GUEST", "db1", "db2", "303"]);
    expect(formatSummary(many, 5000, { width: 80, paint: PLAIN })).toEqual([
      "300 guests: 300 succeeded, 0 failed, in 5.0 s",
    ]);
  });
});

test("the progress names the guests that run", () => {
  const progress = { total: 300, done: 12, failed: 2, running: ["db1", "a\u001b[31m"], elapsedMs: 14_000 };
  expect(formatProgress(progress)).toBe("12 of 300 done, 2 failed, 14 s: db1, a\\x1b[31m");
  expect(formatProgress({ ...progress, failed: 0, running: [] })).toBe("12 of 300 done, 14 s");
});
