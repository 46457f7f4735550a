/** The held channels of one guest, each dialled until it is given back. The session has one at a time. */
import { expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { createHeldChannels } from "../../../src/roles/host/held-channels.ts";
import type { HeldLink } from "../../../src/roles/host/held-channels.ts";
import { waitTurns } from "../../support/event-loop.ts";

const at = (port: string, path: string): Endpoint => ({ guest: "web1", source: "libvirt", port, path });
const [SESSION, OTHER_SESSION, BACK] = ["session-port", "other-session-port", "back-port"] as const;

function createLink(name: string, incoming: number, events: string[]): HeldLink {
  return {
    calls: { outgoing: 0, incoming },
    run: () => Promise.reject(new Error("the test dials nothing")),
    close: (reason) => void events.push(`closes ${name}: ${reason}`),
  };
}

/** Channels whose dials only record. A stopped dial ends when the test releases it. */
function createBench() {
  const events: string[] = [];
  const session = createLink("session", 3, events);
  const dials = new Map<string, { signal: AbortSignal; end: () => void }>();
  const channels = createHeldChannels({
    session,
    linkFor: (port) => (port === BACK ? createLink("back", 4, events) : session),
    redial(endpoint, link, signal) {
      const { path } = endpoint();
      events.push(`dials ${path} for ${link === session ? "session" : "back"}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      dials.set(path, { signal, end: resolve });
      return promise;
    },
  });
  const take = (): string[] => events.splice(0);
  return { channels, dials, take };
}

test("hold dials new channels once, and keeps those that stay", async () => {
  const { channels, dials, take } = createBench();
  channels.hold([at(SESSION, "a"), at(BACK, "b")]);
  channels.hold([at(BACK, "b"), at(SESSION, "a")]);
  await waitTurns(1);
  expect(take()).toEqual(["dials a for session", "dials b for back"]);
  expect([...dials.values()].map(({ signal }) => signal.aborted)).toEqual([false, false]);
});

test("a channel that is not held any longer is aborted, and its own link is closed", async () => {
  const { channels, dials, take } = createBench();
  channels.hold([at(SESSION, "a"), at(BACK, "b")]);
  await waitTurns(1);
  take();
  channels.hold([]);
  expect([...dials.values()].map(({ signal }) => signal.aborted)).toEqual([true, true]);
  expect(take()).toEqual(["closes back: the port is gone"]);
});

test.each([
  ["path", at(SESSION, "b")],
  ["port", at(OTHER_SESSION, "b")],
])(
  "a session that gets another %s is dialled there after its old channel was given back",
  async (_, next) => {
    const { channels, dials, take } = createBench();
    channels.hold([at(SESSION, "a")]);
    await waitTurns(1);
    channels.hold([next]);
    await waitTurns(1);
    expect(take()).toEqual(["dials a for session"]);
    dials.get("a")?.end();
    await waitTurns(1);
    expect(take()).toEqual(["dials b for session"]);
  },
);

test("countIncoming counts the session's calls with and without a channel, and those of held links", () => {
  const { channels } = createBench();
  expect(channels.countIncoming()).toBe(3);
  channels.hold([at(SESSION, "a"), at(BACK, "b")]);
  expect(channels.countIncoming()).toBe(7);
  channels.hold([]);
  expect(channels.countIncoming()).toBe(3);
});

test("close aborts all channels and resolves when each is given back", async () => {
  const { channels, dials } = createBench();
  channels.hold([at(SESSION, "a"), at(BACK, "b")]);
  await waitTurns(1);
  let isClosed = false;
  const closing = channels.close().then(() => (isClosed = true));
  dials.get("a")?.end();
  await waitTurns(1);
  expect(isClosed).toBe(false);
  dials.get("b")?.end();
  await closing;
});
