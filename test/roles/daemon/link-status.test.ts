/** The status of a link, from the states of its session. */
import { expect, setSystemTime, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Dialect } from "../../../src/peers/dialect.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import { createLinkStatus, formatLinkStatus } from "../../../src/roles/daemon/link-status.ts";
import type { StatusSource } from "../../../src/roles/daemon/link-status.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session } from "../../../src/wire/session/session.ts";

const PEER = { name: "negotiator", version: "1.2.3", role: "guest" };

function linkLike(changes: Partial<Session>, dialect?: Dialect): StatusSource {
  const session = createSession({
    side: "dialler",
    agent: PEER,
    makeId: () => "id",
    onCall: () => undefined,
    onOutput: () => undefined,
  });
  const changed = { ...session, ...changes };
  const calls = { outgoing: changed.outgoingCount, incoming: changed.incomingCount };
  return { session: changed, dialect, calls };
}

test.each<[Partial<Session>, string, string | null, Dialect | undefined]>([
  [{ state: "idle", peer: undefined }, "waiting", null, undefined],
  [{ state: "dialling", peer: undefined }, "waiting", null, undefined],
  [{ state: "open", peer: PEER, isResponsive: true }, "open", "native", undefined],
  [{ state: "open", peer: PEER, isResponsive: false }, "unresponsive", "native", undefined],
  [{ state: "cut", peer: PEER, isResponsive: true }, "unresponsive", "native", undefined],
  [{ state: "dialling", peer: PEER, isResponsive: true }, "unresponsive", "native", undefined],
  [{ state: "foreign", peer: undefined }, "legacy", "legacy", LEGACY],
  [{ state: "dialling", peer: PEER }, "legacy", "legacy", LEGACY],
])("a link with the session %j has the status %s, dialect %j", (changes, state, dialect, spoken) => {
  expect(createLinkStatus(DEFAULT_LIMITS).status(linkLike(changes, spoken))).toMatchObject({
    state,
    dialect,
  });
});

test("clearError forgets the last error, and keeps another one", () => {
  const tracker = createLinkStatus({ unresponsiveAfterMs: 1000 });
  const [one, other] = ["one", "other"].map((text) => new NegotiatorError("NO_CHANNEL", text));
  if (one === undefined || other === undefined) throw new Error("Two errors are needed");
  const read = (): string | null => tracker.status(linkLike({})).lastError;
  tracker.recordError(one);
  tracker.clearError(other);
  expect(read()).toBe("one");
  tracker.clearError(one);
  expect(read()).toBeNull();
});

test("recordError returns true once per error, and an open session clears the error", () => {
  const tracker = createLinkStatus(DEFAULT_LIMITS);
  const error = new NegotiatorError("NO_CHANNEL", "nobody there");
  expect([tracker.recordError(error), tracker.recordError(error)]).toEqual([true, false]);
  expect(tracker.recordError(new NegotiatorError("NO_CHANNEL", "something else"))).toBe(true);
  expect(tracker.recordError(error)).toBe(true);
  expect(tracker.status(linkLike({ state: "cut" })).lastError).toBe("nobody there");
  expect(tracker.status(linkLike({ state: "open", peer: PEER })).lastError).toBeNull();
  expect(tracker.recordError(error)).toBe(true);
});

test("since stays the same while the state stays the same", () => {
  const tracker = createLinkStatus(DEFAULT_LIMITS);
  const first = tracker.status(linkLike({ state: "cut" })).since;
  const again = tracker.status(linkLike({ state: "dialling" })).since;
  expect(again).toBe(first);
  expect(new Date(first).toISOString()).toBe(first);
});

test("since is the time of the state's change, not of the query", () => {
  const tracker = createLinkStatus(DEFAULT_LIMITS);
  setSystemTime(new Date("2026-01-01T00:00:00.000Z"));
  tracker.follow(linkLike({ state: "open", peer: PEER }));
  setSystemTime(new Date("2026-01-01T09:00:00.000Z"));
  const { since } = tracker.status(linkLike({ state: "open", peer: PEER }));
  setSystemTime();
  expect(since).toBe("2026-01-01T00:00:00.000Z");
});

test("since is the time at which the peer became unresponsive, even if that is noticed later", () => {
  const limits = { unresponsiveAfterMs: 30_000 };
  const [earliestMs, nowMs, latestMs] = [Date.now(), performance.now(), Date.now()];
  for (const state of ["open", "idle"] as const) {
    const session = linkLike({ state, peer: PEER, isResponsive: false, heardMs: nowMs - 50_000 });
    const { since } = createLinkStatus(limits).status(session);
    expect(Date.parse(since)).toBeGreaterThanOrEqual(earliestMs - 20_000 - 2);
    expect(Date.parse(since)).toBeLessThanOrEqual(latestMs - 20_000 + 2);
  }
});

test("formatLinkStatus gives one line with the version, and the remedy of the last error on another", () => {
  const status = createLinkStatus(DEFAULT_LIMITS).status(
    linkLike({ state: "open", peer: PEER, outgoingCount: 2 }),
  );
  const since = "2026-01-02T03:04:05.678Z";
  expect(formatLinkStatus({ ...status, since })).toBe(
    `open, negotiator 1.2.3, since ${since}, 2 calls out, 0 in`,
  );
  expect(formatLinkStatus({ ...status, since, version: null, state: "waiting", lastError: "x\ny" })).toBe(
    `waiting, since ${since}, 2 calls out, 0 in, last error: x\n  y`,
  );
});
