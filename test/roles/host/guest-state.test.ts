/** The state of a guest: what is known of its session, of another agent in it, and from libvirt. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { ForeignContact } from "../../../src/peers/dialect.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import { NO_FIGURES } from "../../../src/roles/daemon/link-figures.ts";
import { findOther, withState } from "../../../src/roles/host/guest-state.ts";
import type { StateFacts } from "../../../src/roles/host/guest-state.ts";
import type { GuestStatus } from "../../../src/roles/host/status.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";
import { endpointAt } from "../../support/endpoint.ts";

const KNOWN: GuestStatus = {
  name: "web1",
  uuid: null,
  state: "waiting",
  dialect: null,
  version: null,
  since: "2026-01-01T00:00:00.000Z",
  calls: { outgoing: 1, incoming: 2 },
  ...NO_FIGURES,
  lastError: "no route",
};
const SINCE = new Date("2026-02-03T04:05:06.789Z");
const LATER = new Date("2026-02-04T00:00:00.000Z");
const PEER = { name: "negotiator", version: "1.0.0", role: "guest" };

type Links = StateFacts["links"];
type Session = Links["session"]["session"];

const CALLING = endpointAt("negotiator-host-to-guest.0");
const made = (connected?: boolean) => ({ dialect: MADE_UP, endpoint: endpointAt("made-up", connected) });
const legacy = (connected?: boolean) => ({ dialect: LEGACY, endpoint: endpointAt("legacy", connected) });

function contactWith(members: Partial<ForeignContact>): ForeignContact {
  return {
    facts: undefined,
    failure: undefined,
    wasTried: true,
    learn: () => Promise.resolve(),
    renew: () => undefined,
    ...members,
  };
}

type Facts = Partial<StateFacts["endpoints"]> & {
  pausedSince?: Date;
  session?: Partial<Session>;
  contact?: ForeignContact;
};

/** The facts about a guest. Its session was never open, unless `session` says otherwise. */
function factsOf({ saved, calling, foreignCalling = [], pausedSince, session, contact }: Facts): StateFacts {
  return {
    endpoints: { saved, calling, foreignCalling },
    pausedSince,
    links: {
      session: { session: { peer: undefined, farewell: undefined, state: "dialling", ...session } },
      foreignPeer: (dialect) => (dialect === MADE_UP && contact !== undefined ? { contact } : {}),
    },
  };
}

/** The changes of the status that these facts make. */
function changesBy(facts: Facts, known: Partial<GuestStatus> = {}): Partial<GuestStatus> {
  const before = { ...KNOWN, ...known };
  const after = new Map(Object.entries(withState(before, factsOf(facts))));
  for (const [key, value] of Object.entries(before)) if (after.get(key) === value) after.delete(key);
  return Object.fromEntries(after);
}

test("the status of a guest whose session is all that it has is left as it is", () => {
  expect(changesBy({ calling: CALLING })).toEqual({});
  expect(changesBy({ calling: CALLING, foreignCalling: [made(false)] })).toEqual({});
  expect(changesBy({})).toEqual({});
});

test("a paused guest has no error, and its state began when libvirt said so", () => {
  const paused = { state: "paused", since: SINCE.toISOString(), lastError: null };
  expect(changesBy({ calling: CALLING, pausedSince: SINCE })).toEqual(paused);
  // Its other agent is not asked either.
  expect(changesBy({ calling: CALLING, pausedSince: SINCE, foreignCalling: [made(true)] })).toEqual(paused);
});

test("a saved guest is saved since its save, also if it was paused before", () => {
  const saved = { endpoint: CALLING, since: SINCE };
  const expected = { state: "saved", since: SINCE.toISOString(), lastError: null };
  expect(changesBy({ calling: CALLING, saved })).toEqual(expected);
  expect(changesBy({ calling: CALLING, saved, pausedSince: LATER })).toEqual(expected);
});

test("a guest without a port for the session has the dialect of its first other port", () => {
  expect(changesBy({ foreignCalling: [made(false), legacy(false)] })).toEqual({ dialect: "made-up" });
  expect(changesBy({ foreignCalling: [made(false)], pausedSince: SINCE })).toMatchObject({
    dialect: "made-up",
    state: "paused",
  });
  expect(changesBy({ foreignCalling: [made(false)] }, { dialect: "native" })).toEqual({});
});

test("the state of another agent is its dialect, with its version and what it cannot do", () => {
  const asked = contactWith({ facts: { version: "9.1", cannot: ["cannot a", "cannot b"] } });
  expect(changesBy({ foreignCalling: [made()], contact: asked })).toEqual({
    state: "made-up",
    dialect: "made-up",
    version: "9.1",
    cannot: ["cannot a", "cannot b"],
    lastError: null,
  });
});

test.each<[string, ForeignContact | undefined]>([
  ["was not asked", contactWith({})],
  ["tells no version and can do everything", contactWith({ facts: { version: null, cannot: [] } })],
  ["tells nothing about itself", undefined],
])("another agent that %s has no version and nothing that it cannot do", (_, contact) => {
  const shown = changesBy({ foreignCalling: [made()], ...(contact && { contact }) }, { version: "1.0.0" });
  expect(shown).toEqual({ state: "made-up", dialect: "made-up", version: null, lastError: null });
});

test("another agent that does not answer is waited for, and is unresponsive if it answered before", () => {
  const failure = { error: new NegotiatorError("NO_CHANNEL", "it is silent"), since: SINCE };
  const silent = { dialect: "made-up", since: SINCE.toISOString(), lastError: "it is silent" };
  expect(changesBy({ foreignCalling: [made()], contact: contactWith({ failure }) })).toEqual(silent);
  const facts = { version: "9.1", cannot: [] };
  expect(changesBy({ foreignCalling: [made()], contact: contactWith({ failure, facts }) })).toEqual({
    ...silent,
    state: "unresponsive",
    version: "9.1",
  });
});

test("an unresponsive agent that has ended is explained, and any other state is left as it is", () => {
  const ended = { calling: CALLING, session: { peer: PEER, farewell: "upgrade" } };
  const { lastError, ...more } = changesBy(ended, { state: "unresponsive" });
  expect(more).toEqual({});
  expect(lastError).toStartWith("The agent is not running: it was stopped (upgrade)\nStart the agent in the");
  expect(changesBy(ended, { state: "open" })).toEqual({});
  const closed = { ...ended, calling: endpointAt(CALLING.port, false), session: { peer: PEER } };
  expect(changesBy(closed, { state: "unresponsive" }).lastError).toStartWith(
    "The agent is not running: no program in the guest has the channel open\n",
  );
});

test("an unresponsive agent of which nothing more is known keeps its last error", () => {
  expect(changesBy({ calling: CALLING, session: { peer: PEER } }, { state: "unresponsive" })).toEqual({});
});

test.each<[string, string | undefined, Facts]>([
  ["that is not there", undefined, { calling: CALLING }],
  ["beside a session that was never open", "made-up", { calling: CALLING, foreignCalling: [made(true)] }],
  [
    "beside a session that was open",
    undefined,
    { calling: CALLING, foreignCalling: [made(true)], session: { peer: PEER } },
  ],
  [
    "beside a session that has found a foreign agent on its own port",
    undefined,
    { calling: CALLING, foreignCalling: [made(true)], session: { state: "foreign" } },
  ],
  [
    "without a port for the session, whatever the session was",
    "made-up",
    { foreignCalling: [made(true)], session: { peer: PEER, state: "foreign" } },
  ],
  ["whose port may be open, beside a session", undefined, { calling: CALLING, foreignCalling: [made()] }],
  ["whose port may be open, without a port for the session", "made-up", { foreignCalling: [made()] }],
  ["whose port is closed", undefined, { foreignCalling: [made(false)] }],
  ["of two, whose first port is closed", LEGACY.name, { foreignCalling: [made(false), legacy(true)] }],
  ["of two with open ports", "made-up", { foreignCalling: [made(true), legacy(true)] }],
])("an agent in another dialect %s is found as %p", (_, dialect, facts) => {
  const { endpoints, links } = factsOf(facts);
  expect(findOther(links.session, endpoints)?.name).toBe(dialect);
});
