/** `status --watch`: what it shows, when it asks again, and how it ends. */
import { afterEach, beforeEach, expect, jest, setSystemTime, spyOn, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { watchStatus } from "../../../src/roles/cli/status-watch.ts";
import type { WatchedView } from "../../../src/roles/cli/status-watch.ts";
import type { StatusPicture } from "../../../src/roles/cli/status-picture.ts";
import type { StatusRow } from "../../../src/roles/cli/status-table.ts";
import { standardOutput } from "../../../src/standard-output.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const LEAVE = "\u001b[?1049l";
const HEAD = "12:34:56, every 2 s; Ctrl-C ends";

let environment: Partial<Record<string, string>> = {};
let timers: Disposable | undefined;

beforeEach(() => {
  environment = { TERM: process.env["TERM"], NO_COLOR: process.env["NO_COLOR"] };
  Object.assign(process.env, { TERM: "xterm", NO_COLOR: "1" });
  timers = useFakeTimers();
  setSystemTime(new Date(2026, 1, 3, 12, 34, 56));
});

afterEach(() => {
  setSystemTime();
  timers?.[Symbol.dispose]();
  jest.restoreAllMocks();
  for (const [name, value] of Object.entries(environment))
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

/** Lets all go on that waits for no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

function rowOf(name: string, state: StatusRow["state"] = "native"): StatusRow {
  return Object({
    name,
    state,
    since: null,
    dialect: null,
    version: null,
    roundTripMs: null,
    lastError: null,
    calls: { outgoing: 0, incoming: 0 },
    callsDone: { outgoing: 0, incoming: 0 },
    bytes: { in: 0, out: 0 },
    remarks: [],
  });
}

function pictureOf(more: Partial<StatusPicture>): StatusPicture {
  return { problems: [], rows: [], lines: [], ...more };
}

/** Collects all that is written. `hold` makes the writes wait. */
function collectOutput(): { texts: [name: string, text: string][]; hold: () => () => void } {
  const texts: [string, string][] = [];
  let taken = Promise.resolve(true);
  spyOn(standardOutput, "write").mockImplementation((name, text) => {
    texts.push([name, String(text)]);
    return taken;
  });
  return {
    texts,
    hold() {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      taken = promise;
      return () => resolve(true);
    },
  };
}

/** Returns the lines of the last screen. */
function lastScreen(texts: readonly [string, string][]): string[] {
  const drawn = texts.findLast(([, text]) => text.includes("\u001b[H"))?.[1] ?? "";
  const [, body = ""] = drawn.split("\u001b[H");
  const [shown = ""] = body.split("\u001b[K\u001b[J");
  return shown.split("\u001b[K\r\n").map((line) => line.trimEnd());
}

type Watch = { ended: Promise<unknown>; taken: () => number };

/** Starts a watch that gets one picture after the other, and then the last one again. */
async function startWatch(
  pictures: readonly (StatusPicture | Error)[],
  view: Partial<WatchedView> = {},
): Promise<Watch> {
  let taken = 0;
  const take = (): Promise<StatusPicture> => {
    const next = pictures[Math.min(taken++, pictures.length - 1)];
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next ?? pictureOf({}));
  };
  const ended = watchStatus({ title: "GUEST", take, intervalMs: 2000, isOnTerminal: false, ...view });
  void ended.catch(() => undefined);
  await settle();
  return { ended, taken: () => taken };
}

const onScreen = (columns: number, rows: number): Partial<WatchedView> => ({
  isOnTerminal: true,
  sizeOf: () => Promise.resolve({ columns, rows }),
});

const send = async (signal: (typeof SIGNALS)[number] | "SIGWINCH"): Promise<void> => {
  process.emit(signal, signal);
  await settle();
};

const advance = async (ms: number): Promise<void> => {
  jest.advanceTimersByTime(ms);
  await settle();
};

const listeners = (): number[] => SIGNALS.map((name) => process.listenerCount(name));

test.each(SIGNALS)("%s ends the wait at once, with exit code 0", async (signal) => {
  const before = listeners();
  collectOutput();
  const { ended, taken } = await startWatch([pictureOf({ lines: ["a"] })]);
  expect(listeners()).toEqual(before.map((count) => count + 1));
  await send(signal);
  expect(await ended).toEqual({ exitCode: 0, isStuck: true });
  expect(taken()).toBe(1);
  expect(listeners()).toEqual(before);
  expect(jest.getTimerCount()).toBe(0);
});

test("elsewhere than on a terminal, each look is a block of lines; no lines write nothing", async () => {
  const { texts } = collectOutput();
  const pictures = [pictureOf({ lines: ["a", "b"] }), pictureOf({}), pictureOf({ lines: ["c"] })];
  const { ended, taken } = await startWatch(pictures);
  expect(texts).toEqual([["stdout", "a\nb\n"]]);
  await advance(1999);
  expect(taken()).toBe(1);
  await advance(1);
  expect(taken()).toBe(2);
  expect(texts).toHaveLength(1);
  await advance(2000);
  expect(texts.slice(1)).toEqual([["stdout", "c\n"]]);
  await send("SIGINT");
  await ended;
});

test("a problem of the daemon goes to stderr before the lines, and the reader's pace counts", async () => {
  const { texts, hold } = collectOutput();
  const release = hold();
  const { ended } = await startWatch([pictureOf({ problems: ["bad\nMend it"], lines: ["a"] })]);
  expect(texts).toEqual([["stderr", "negotiator: bad\nMend it\n"]]);
  const releaseLines = hold();
  release();
  await settle();
  expect(texts.slice(1)).toEqual([["stdout", "a\n"]]);
  // The next look waits until the lines are written.
  expect(jest.getTimerCount()).toBe(0);
  releaseLines();
  await settle();
  expect(jest.getTimerCount()).toBe(1);
  await send("SIGINT");
  await ended;
});

test("elsewhere than on a terminal, a failure to ask ends the watch", async () => {
  const before = listeners();
  collectOutput();
  const { ended } = await startWatch([new NegotiatorError("BUSY", "no daemon")]);
  expect((await rejectionOf(ended)).message).toBe("no daemon");
  expect(listeners()).toEqual(before);
});

test("a signal during a look lets it end, shows its lines, and starts no wait", async () => {
  const { texts } = collectOutput();
  const look = Promise.withResolvers<StatusPicture>();
  const { ended } = await startWatch([], { take: () => look.promise });
  await send("SIGTERM");
  look.resolve(pictureOf({ lines: ["late"] }));
  await ended;
  expect(texts).toEqual([["stdout", "late\n"]]);
  expect(jest.getTimerCount()).toBe(0);
});

test("a terminal shows the time, the interval and the table, and draws again after each look", async () => {
  const { texts } = collectOutput();
  const pictures = [pictureOf({ rows: [rowOf("web1")] }), pictureOf({ rows: [rowOf("web2")] })];
  const { ended } = await startWatch(pictures, onScreen(80, 24));
  const [head, titles, row, ...rest] = lastScreen(texts);
  expect([head, titles, row, rest]).toEqual([
    HEAD,
    expect.stringContaining("GUEST"),
    expect.stringMatching(/^web1 +native/),
    [],
  ]);
  await advance(2000);
  expect(lastScreen(texts)[2]).toStartWith("web2");
  await send("SIGHUP");
  expect(await ended).toEqual({ exitCode: 0, isStuck: true });
  expect(texts.at(-1)?.[1]).toEndWith(LEAVE);
});

test("a failure to ask is shown on the terminal in place of the table, and the watch goes on", async () => {
  const { texts } = collectOutput();
  const pictures = [
    pictureOf({ rows: [rowOf("web1")] }),
    new NegotiatorError("BUSY", "no daemon"),
    pictureOf({ rows: [rowOf("web2")] }),
  ];
  const { ended } = await startWatch(pictures, onScreen(80, 24));
  await advance(2000);
  expect(lastScreen(texts)).toEqual(["12:34:58, every 2 s; Ctrl-C ends", "no daemon"]);
  await advance(2000);
  expect(lastScreen(texts)[2]).toStartWith("web2");
  await send("SIGINT");
  await ended;
});

test("a signal during a look ends the watch without another drawing or wait", async () => {
  const { texts } = collectOutput();
  const look = Promise.withResolvers<StatusPicture>();
  const { ended } = await startWatch([], { ...onScreen(80, 24), take: () => look.promise });
  await send("SIGINT");
  look.resolve(pictureOf({ rows: [rowOf("web1")] }));
  await ended;
  expect(lastScreen(texts)).toEqual([""]);
  expect(jest.getTimerCount()).toBe(0);
});

test("a new size draws the same picture again, while the watch lasts", async () => {
  const { texts } = collectOutput();
  let columns = 80;
  const sizeOf: WatchedView["sizeOf"] = () => Promise.resolve({ columns, rows: 24 });
  const { ended, taken } = await startWatch([pictureOf({ rows: [rowOf("web1")] })], {
    isOnTerminal: true,
    sizeOf,
  });
  columns = 20;
  await send("SIGWINCH");
  expect(taken()).toBe(1);
  expect(lastScreen(texts)[0]).toBe(`${HEAD.slice(0, 19)}…`);
  await send("SIGINT");
  await ended;
});

test("the wait for the next look begins when the terminal has taken the screen", async () => {
  const { hold } = collectOutput();
  const look = Promise.withResolvers<StatusPicture>();
  const { ended } = await startWatch([], { ...onScreen(80, 24), take: () => look.promise });
  const release = hold();
  look.resolve(pictureOf({ rows: [rowOf("web1")] }));
  await settle();
  expect(jest.getTimerCount()).toBe(0);
  release();
  await settle();
  expect(jest.getTimerCount()).toBe(1);
  await send("SIGINT");
  await ended;
});

test("after a new size and a signal, nothing is drawn once the screen is left", async () => {
  const { texts } = collectOutput();
  let size = Promise.resolve({ columns: 80, rows: 24 });
  const view: Partial<WatchedView> = { isOnTerminal: true, sizeOf: () => size };
  const { ended } = await startWatch([pictureOf({ rows: [rowOf("web1")] })], view);
  const asked = Promise.withResolvers<{ columns: number; rows: number }>();
  size = asked.promise;
  await send("SIGWINCH");
  await send("SIGINT");
  asked.resolve({ columns: 20, rows: 24 });
  await ended;
  await settle();
  expect(texts.at(-1)?.[1]).toEndWith(LEAVE);
});

test("a terminal without a known size has 80 columns and 24 rows", async () => {
  const { texts } = collectOutput();
  const rows = Array.from({ length: 30 }, (_, index) => rowOf(`guest-${index}-${"x".repeat(90)}`));
  const { ended } = await startWatch([pictureOf({ rows })], {
    isOnTerminal: true,
    sizeOf: () => Promise.resolve(undefined),
  });
  const lines = lastScreen(texts);
  expect(lines).toHaveLength(24);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines[1]).toHaveLength(80);
  await send("SIGINT");
  await ended;
});

const MIXED = [
  rowOf("idle", "shut off"),
  rowOf("good", "native"),
  rowOf("waiting", "waiting"),
  rowOf("bad", "unresponsive"),
];

test.each<[rows: number, names: string[]]>([
  [6, ["idle", "good", "waiting", "bad"]],
  [5, ["bad", "waiting", "…"]],
  [4, ["bad", "…"]],
  [3, ["…"]],
])("a screen of %i rows shows %j below the titles: troubles first if not all fit", async (rows, names) => {
  const { texts } = collectOutput();
  const { ended } = await startWatch([pictureOf({ rows: MIXED })], onScreen(80, rows));
  const lines = lastScreen(texts);
  expect(lines[0]).toBe(HEAD);
  expect(lines[1]).toContain("GUEST");
  expect(lines.slice(2).map((line) => line.split(" ")[0])).toEqual(names);
  await send("SIGINT");
  await ended;
});

test("a screen of 2 rows shows the time, and that there is more", async () => {
  const { texts } = collectOutput();
  const { ended } = await startWatch([pictureOf({ rows: MIXED })], onScreen(80, 2));
  expect(lastScreen(texts)).toEqual([HEAD, "… more than this screen shows"]);
  await send("SIGINT");
  await ended;
});

test.each([
  ["a dumb terminal", { TERM: "dumb" }, true],
  ["no terminal", {}, false],
])("%s gets lines, not a screen", async (_, given, isOnTerminal) => {
  Object.assign(process.env, given);
  const { texts } = collectOutput();
  const view = { ...onScreen(80, 24), isOnTerminal };
  const { ended } = await startWatch([pictureOf({ rows: MIXED, lines: ["a"] })], view);
  expect(texts).toEqual([["stdout", "a\n"]]);
  await send("SIGINT");
  await ended;
});
