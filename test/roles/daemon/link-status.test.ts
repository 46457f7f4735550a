/** What `status` says of a conversation. */
import { expect, setSystemTime, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createLinkStatus, formatLinkStatus } from "../../../src/roles/daemon/link-status.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session } from "../../../src/wire/session/session.ts";

const PEER = { name: "negotiator", version: "1.2.3", role: "guest" };

function sessionLike(changes: Partial<Session>): Session {
  const session = createSession({
    side: "dialler",
    agent: PEER,
    makeId: () => "id",
    onCall: () => undefined,
    onOutput: () => undefined,
  });
  return { ...session, ...changes };
}

test.each<[Partial<Session>, string, string | null]>([
  [{ state: "idle", peer: undefined }, "waiting", null],
  [{ state: "dialling", peer: undefined }, "waiting", null],
  [{ state: "open", peer: PEER, isResponsive: true }, "open", "native"],
  [{ state: "open", peer: PEER, isResponsive: false }, "unresponsive", "native"],
  [{ state: "cut", peer: PEER, isResponsive: true }, "unresponsive", "native"],
  [{ state: "dialling", peer: PEER, isResponsive: true }, "unresponsive", "native"],
  [{ state: "foreign", peer: undefined }, "legacy", "legacy"],
])("%j is %s", (changes, state, dialect) => {
  expect(createLinkStatus(DEFAULT_LIMITS).status(sessionLike(changes))).toMatchObject({ state, dialect });
});

test("an error is news once, and forgotten when the conversation is open", () => {
  const keeper = createLinkStatus(DEFAULT_LIMITS);
  const error = new NegotiatorError("NO_CHANNEL", "nobody there");
  expect([keeper.note(error), keeper.note(error)]).toEqual([true, false]);
  expect(keeper.note(new NegotiatorError("NO_CHANNEL", "something else"))).toBe(true);
  expect(keeper.note(error)).toBe(true);
  expect(keeper.status(sessionLike({ state: "cut" })).lastError).toBe("nobody there");
  expect(keeper.status(sessionLike({ state: "open", peer: PEER })).lastError).toBeNull();
  expect(keeper.note(error)).toBe(true);
});

test("since says when the state began", () => {
  const keeper = createLinkStatus(DEFAULT_LIMITS);
  const first = keeper.status(sessionLike({ state: "cut" })).since;
  const again = keeper.status(sessionLike({ state: "dialling" })).since;
  expect(again).toBe(first);
  expect(new Date(first).toISOString()).toBe(first);
});

test("since is the time of the change, not of the question", () => {
  const keeper = createLinkStatus(DEFAULT_LIMITS);
  setSystemTime(new Date("2026-01-01T00:00:00.000Z"));
  keeper.follow(sessionLike({ state: "open", peer: PEER }));
  setSystemTime(new Date("2026-01-01T09:00:00.000Z"));
  const { since } = keeper.status(sessionLike({ state: "open", peer: PEER }));
  setSystemTime();
  expect(since).toBe("2026-01-01T00:00:00.000Z");
});

test("since is the time at which a silence became too long, whoever noticed it and when", () => {
  const limits = { unresponsiveAfterMs: 30_000 };
  const [earliestMs, nowMs, latestMs] = [Date.now(), performance.now(), Date.now()];
  for (const state of ["open", "idle"] as const) {
    const session = sessionLike({ state, peer: PEER, isResponsive: false, heardMs: nowMs - 50_000 });
    const { since } = createLinkStatus(limits).status(session);
    expect(Date.parse(since)).toBeGreaterThanOrEqual(earliestMs - 20_000 - 2);
    expect(Date.parse(since)).toBeLessThanOrEqual(latestMs - 20_000 + 2);
  }
});

test("one line for people", () => {
  const status = createLinkStatus(DEFAULT_LIMITS).status(
    sessionLike({ state: "open", peer: PEER, outgoingCount: 2 }),
  );
  const since = "2026-01-02T03:04:05.678Z";
  expect(formatLinkStatus({ ...status, since })).toBe(
    `open, negotiator 1.2.3, since ${since}, 2 calls out, 0 in`,
  );
  expect(formatLinkStatus({ ...status, since, version: null, state: "waiting", lastError: "x" })).toBe(
    `waiting, since ${since}, 2 calls out, 0 in, last error: x`,
  );
});
