/** The subcommand `audit` in this process: which calls it shows, in what order, and what it warns of. */
import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { showAudit } from "../../../src/roles/cli/show-audit.ts";
import { standardOutput } from "../../../src/standard-output.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await directory[Symbol.asyncDispose]();
});

type Options = Readonly<Record<string, string | true>>;
type Members = Readonly<Record<string, unknown>>;

const CALL: Members = { role: "host", direction: "incoming", decision: "allowed", peer: { guest: "web1" } };
const START: Members = { event: "start" };
const END: Members = { exitCode: 0, signal: null };

const timeOf = (seconds: number): string => new Date(Date.UTC(2026, 0, 2, 3, 0, seconds)).toISOString();

function lineOf(seconds: number, members: Members): string {
  return `${JSON.stringify({ time: timeOf(seconds), ...CALL, ...members })}\n`;
}

const callOf = (command: string, members: Members = END, seconds = 0): string =>
  lineOf(seconds, { command, ...members });

const invoke = (options: Options) =>
  invocationOf({ audit: { ...DEFAULTS.audit, file: directory.at("audit.jsonl") } }, options);

/** Shows the audit with these lines. Returns the commands and their outcomes, line by line. */
async function show(lines: readonly string[], options: Options = {}, role: "host" | "guest" = "host") {
  await directory.write("audit.jsonl", lines.join(""));
  const { result, stdout, stderr } = await spyOnOutput(() => showAudit(role, invoke(options)));
  expect(result).toEqual({ exitCode: 0 });
  const shown = stdout.split("\n").map((line) => line.slice(42));
  expect(shown.pop()).toBe("");
  return { shown, stdout, stderr };
}

const shownOf = async (...given: Parameters<typeof show>): Promise<string[]> => (await show(...given)).shown;

test("without lines, the file is named on stderr", async () => {
  const { stdout, stderr } = await show([]);
  expect(stdout).toBe("");
  const path = directory.at("audit.jsonl");
  expect(stderr).toBe(`negotiator: No such call is in ${path} and the files beside it\n`);
});

test("one call is one line, and stderr stays empty", async () => {
  const { shown, stderr } = await show([callOf("check")]);
  expect({ shown, stderr }).toEqual({ shown: ["check: exit 0"], stderr: "" });
});

test("denied calls come from their own file, in the order of the times", async () => {
  await directory.write("audit-denied.jsonl", callOf("halt", { decision: "denied", rule: 1 }, 2));
  expect(await shownOf([callOf("one", END, 1), callOf("three", END, 3)])).toEqual([
    "one: exit 0",
    expect.stringContaining("halt: denied"),
    "three: exit 0",
  ]);
});

test.each<[bad: number, said: string | undefined]>([
  [0, undefined],
  [1, "1 (FILE:1)"],
  [5, "5 (FILE:1, FILE:2, FILE:3, FILE:4, FILE:5)"],
  [6, "6 (FILE:1, FILE:2, FILE:3, FILE:4, FILE:5 and others)"],
])("%i lines that are not lines of the audit are counted: %s", async (bad, said) => {
  const { shown, stderr } = await show(["text\n".repeat(bad), callOf("check")]);
  expect(shown).toHaveLength(1);
  const places = said?.replaceAll("FILE", directory.at("audit.jsonl"));
  expect(stderr).toBe(
    places === undefined ? "" : `negotiator: Lines that are not lines of the audit: ${places}\n`,
  );
});

test("--json shows every line as it is, starts too, and no other text", async () => {
  const lines = [callOf("a", { ...START, callId: "1" }), callOf("a", { ...END, callId: "1" })];
  expect((await show(lines, { json: true })).stdout).toBe(lines.join(""));
});

test.each<[options: Options, role: "host" | "guest", commands: string[]]>([
  [{}, "host", ["a", "b", "c", "d", "e", "f", "g"]],
  [{}, "guest", ["g", "h"]],
  [{ guest: "web*" }, "host", ["a", "c"]],
  [{ guest: "web1" }, "host", ["a"]],
  [{ user: "alice" }, "host", ["c"]],
  [{ user: "1000" }, "host", ["c", "d"]],
  [{ user: "1001" }, "host", ["e"]],
  [{ user: "nobody-else" }, "host", []],
  [{ denied: true }, "host", ["b", "f"]],
  [{ denied: true, guest: "web*" }, "host", []],
  [{ since: timeOf(3) }, "host", ["d", "e", "f", "g"]],
])("the filter %j of the %s shows %j", async (options, role, commands) => {
  const lines = [
    { command: "a" },
    { command: "b", decision: "denied", peer: { guest: "db1" } },
    { command: "c", peer: { guest: "web2" }, user: { uid: 1000, name: "alice" } },
    { command: "d", peer: { guest: 5 }, user: { uid: 1000 } },
    { command: "e", peer: null, user: { uid: 1001, name: "bob" } },
    { command: "f", peer: {}, errorCode: "BUSY" },
    { command: "g", peer: {}, role: undefined },
    { command: "h", role: "guest" },
  ];
  const shown = await shownOf(
    lines.map((members, seconds) => lineOf(seconds, { ...END, ...members })),
    options,
    role,
  );
  expect(shown.map((line) => line[0] ?? "")).toEqual(commands);
});

test.each<[members: Members, isShown: boolean]>([
  [{ event: "left-out", ran: false }, true],
  [{ event: "left-out", ran: true }, false],
  [{ event: "left-out" }, false],
  [{ event: "lost", ran: false }, false],
  [{ errorCode: "NO_COMMAND" }, false],
])("--denied shows a line with %j: %p", async (members, isShown) => {
  const { stdout } = await show([callOf("check", members)], { denied: true });
  expect(stdout !== "").toBe(isShown);
});

test("the start of a call is left out when its end follows, and else comes last", async () => {
  const [first = "", second = "", third = ""] = ["1", "2", "3"].map((callId) =>
    callOf(`c${callId}`, { ...START, callId }),
  );
  const end = callOf("c2", { ...END, callId: "2" });
  expect(await shownOf([first, second, end, third])).toEqual([
    "c2: exit 0",
    "c1: has started",
    "c3: has started",
  ]);
});

test("a start without an id is shown in its place", async () => {
  expect(await shownOf([callOf("a", START), callOf("b"), callOf("c", { ...START, callId: 5 })])).toEqual([
    "a: has started",
    "b: exit 0",
    "c: has started",
  ]);
});

test("a second start with the same id shows the first one alone", async () => {
  const id = { callId: "1" };
  const starts = [callOf("a", { ...START, ...id }), callOf("a", { ...START, ...id }), callOf("b")];
  expect(await shownOf([...starts, callOf("a", { ...END, ...id })])).toEqual([
    "a: has started",
    "b: exit 0",
    "a: exit 0",
  ]);
});

test.each<[what: string, end: Members, isPair: boolean]>([
  ["the same members", {}, true],
  ["another id", { callId: "2" }, false],
  ["another direction", { direction: "outgoing" }, false],
  ["another peer", { peer: { guest: "db1" } }, false],
  ["another user", { user: { uid: 1 } }, false],
  ["another command", { command: "b" }, false],
  ["other arguments", { arguments: ["x"] }, false],
  ["another digest", { argumentsSha256: "0" }, false],
  ["a denial", { decision: "denied" }, false],
  ["no id", { callId: undefined }, false],
])("an end with %s hides the start: %#", async (_, end, isPair) => {
  const id = { callId: "1" };
  const lines = [callOf("a", { ...START, ...id }), callOf("a", { ...END, ...id, ...end })];
  expect(await shownOf(lines)).toHaveLength(isPair ? 1 : 2);
});

test("the arguments of a built-in command do not count", async () => {
  const more = { callId: "1", builtin: true };
  const lines = [
    callOf("a", { ...START, ...more, arguments: ["x"] }),
    callOf("a", { ...END, ...more, arguments: ["y"] }),
  ];
  expect(await shownOf(lines)).toHaveLength(1);
});

test("of more than 4096 calls without an end the oldest is shown first", async () => {
  const start = (id: number): string => callOf(`c${id}`, { ...START, callId: `${id}` });
  const starts = Array.from({ length: 4096 }, (_, id) => start(id));
  expect((await shownOf([...starts, callOf("x")]))[0]).toBe("x: exit 0");
  const shown = await shownOf([...starts, start(4096), callOf("x")]);
  expect(shown.slice(0, 3)).toEqual(["c0: has started", "x: exit 0", "c1: has started"]);
  expect(shown).toHaveLength(4098);
});

test("a long output is written in pieces of at least 64 KiB, and no line is lost", async () => {
  const lines = Array.from({ length: 3000 }, (_, index) => callOf(`command-${index}`));
  await directory.write("audit.jsonl", lines.join(""));
  const pieces: string[] = [];
  spyOn(standardOutput, "write").mockImplementation((_, text) => {
    pieces.push(String(text));
    return Promise.resolve(true);
  });
  await showAudit("host", invoke({}));
  expect(pieces.length).toBeGreaterThan(1);
  for (const piece of pieces.slice(0, -1)) expect(piece.length).toBeWithin(65_536, 65_536 + 200);
  expect(pieces.join("").split("\n")).toHaveLength(3001);
});

test("a reader that is gone ends the output after the piece that it did not take", async () => {
  await directory.write("audit.jsonl", callOf("check").repeat(5000));
  const write = spyOn(standardOutput, "write").mockImplementation(() => Promise.resolve(false));
  expect(await showAudit("host", invoke({}))).toEqual({ exitCode: 0 });
  expect(write).toHaveBeenCalledTimes(1);
});

/** Follows the audit. `take` gets each text that is written, and returns whether its reader took it. */
async function follow(options: Options, take: (text: string, writes: number) => boolean): Promise<string[]> {
  const texts: string[] = [];
  spyOn(standardOutput, "write").mockImplementation((name, text) => {
    texts.push(`${name}: ${String(text)}`);
    return Promise.resolve(take(String(text), texts.length));
  });
  expect(await showAudit("host", invoke({ follow: true, ...options }))).toEqual({ exitCode: 0 });
  return texts;
}

test("--follow begins with ten lines, and shows starts as they come, until its reader is gone", async () => {
  const lines = Array.from({ length: 12 }, (_, index) => callOf(`c${index}`));
  await directory.write("audit.jsonl", lines.join(""));
  await directory.write("audit.jsonl.1", callOf("older"));
  const startMs = performance.now();
  const texts = await follow({}, (_, writes) => {
    if (writes === 1)
      appendFileSync(directory.at("audit.jsonl"), callOf("new", { ...START, callId: "1" }) + "text\n");
    if (writes === 2) appendFileSync(directory.at("audit.jsonl"), callOf("new", { ...END, callId: "1" }));
    if (writes === 4) appendFileSync(directory.at("audit.jsonl"), callOf("more"));
    return writes < 5;
  });
  const [first = "", ...rest] = texts;
  const shown = first.trimEnd().split("\n");
  expect(shown).toHaveLength(10);
  expect(shown[0]).toContain("c2: exit 0");
  expect(shown[9]).toContain("c11: exit 0");
  expect(rest).toEqual([
    expect.stringMatching(/^stdout: .* new: has started\n$/),
    `stderr: negotiator: Lines that are not lines of the audit: 1 (${directory.at("audit.jsonl")}:14)\n`,
    expect.stringMatching(/^stdout: .* new: exit 0\n$/),
    expect.stringMatching(/^stdout: .* more: exit 0\n$/),
  ]);
  // It looks five times a second.
  expect(performance.now() - startMs).toBeGreaterThan(500);
});

test("--follow with --since begins with all lines since then, also of older files", async () => {
  await directory.write("audit.jsonl.1", callOf("older", END, 0) + callOf("old", END, 1));
  const lines = Array.from({ length: 12 }, (_, index) => callOf(`c${index}`, END, 2));
  await directory.write("audit.jsonl", lines.join(""));
  const [first = ""] = await follow({ since: timeOf(1) }, (_, writes) => {
    if (writes === 1) appendFileSync(directory.at("audit.jsonl"), callOf("last", END, 3));
    return writes < 2;
  });
  const shown = first.trimEnd().split("\n");
  expect(shown).toHaveLength(13);
  expect(shown[0]).toContain("old: exit 0");
});

test.each([
  ["that there are no such calls", ""],
  ["which lines are not of the audit", `text\n${callOf("check")}`],
])("it ends when stderr has taken %s", async (_, text) => {
  await directory.write("audit.jsonl", text);
  const { promise: taken, resolve } = Promise.withResolvers<boolean>();
  const asked = Promise.withResolvers<void>();
  spyOn(standardOutput, "write").mockImplementation((name) => {
    if (name === "stdout") return Promise.resolve(true);
    asked.resolve();
    return taken;
  });
  let isOver = false;
  const ended = showAudit("host", invoke({})).finally(() => (isOver = true));
  await asked.promise;
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(isOver).toBe(false);
  resolve(true);
  await ended;
});
