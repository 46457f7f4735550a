/** Calls to a guest whose socket is gone, and the dials that bring a guest back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { configureLog } from "../../../src/log.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import type { Guests } from "../../../src/roles/host/guests.ts";
import { within } from "../../support/deadline.ts";
import { createDeadSocket } from "../../support/dead-socket.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createHostGuests, NO_CHANGES, untilOpen } from "../../support/host-guests.ts";
import { shortestOf } from "../../support/shortest.ts";
import { createSocketRelay } from "../../support/socket-relay.ts";
import type { SocketRelay } from "../../support/socket-relay.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
/** A call to a guest that is gone ends within this time. */
const GONE_MS = 5000;
/** A busy machine adds this much. Without the rule a call would never end. */
const SLACK_MS = 5000;

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

/** A guest whose daemon runs, behind a relay that the test can take away and bring back. */
async function createScene({
  look = () => Promise.resolve(),
  source = "flag",
}: { look?: () => Promise<void>; source?: Endpoint["source"] } = {}) {
  await using owned = new AsyncDisposableStack();
  const stage = owned.use(await createStage({ withoutDaemons: true }));
  const guest = stage.guest();
  await guest.command("cat", "#!/bin/sh\nexec cat\n");
  await guest.start();
  const path = stage.at("relay.sock");
  let relay: SocketRelay | undefined;
  const connect = async (): Promise<void> => {
    relay = await createSocketRelay(path, guest.port.hostPath);
  };
  const takeAway = async (): Promise<void> => {
    await relay?.[Symbol.asyncDispose]();
    await until("the cut is noticed", () => guests.status()[0]?.state !== "open");
  };
  await connect();
  owned.defer(() => relay?.[Symbol.asyncDispose]());
  let looks = 0;
  const guests = owned.use(
    createHostGuests(stage, {}, () => {
      looks++;
      return look();
    }),
  );
  const endpoint: Endpoint = { guest: "web1", port: "negotiator-host-to-guest.0", path, source };
  guests.update({ ...NO_CHANGES, appeared: [endpoint] });
  await untilOpen(guests);
  const held = owned.move();
  return {
    guests,
    path,
    connect,
    takeAway,
    looks: () => looks,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The error of a call that must end although it has no deadline. */
const endOf = (call: Promise<unknown>) =>
  within(rejectionOf(call), GONE_MS + SLACK_MS, () => new Error("The call does not end"));

const startCat = async (guests: Guests) =>
  executeOn(await guests.peer("web1", 5000), { command: "cat", args: [], hasInput: true, timeoutMs: 0 });

test(
  "a running call without a deadline ends within five seconds when its guest's socket is gone",
  async () => {
    await using scene = await createScene();
    const remote = await startCat(scene.guests);
    await remote.stdin?.write(Buffer.from("x"));
    for await (const bytes of remote.stdout) if (bytes.length > 0) break;
    await scene.takeAway();
    expect(await endOf(remote.ended)).toMatchObject({
      code: "UNKNOWN_OUTCOME",
      message: expect.stringContaining("there is no such socket"),
    });
  },
  TIMEOUT_MS,
);

test.each([
  ["has no socket", async () => undefined],
  ["has a socket at which no process listens", createDeadSocket],
])(
  "calls without a deadline to a guest that %s end within five seconds, and later ones at once",
  async (_, leave) => {
    await using scene = await createScene();
    await scene.takeAway();
    await leave(scene.path);
    const waiting = await endOf(scene.guests.peer("web1", 0));
    expect(waiting.code).toBe("NO_CHANNEL");
    const laterMs = await shortestOf(500, async () => {
      const startMs = performance.now();
      expect((await endOf(scene.guests.peer("web1", 0))).message).toBe(waiting.message);
      return performance.now() - startMs;
    });
    expect(laterMs).toBeLessThan(500);
  },
  TIMEOUT_MS,
);

test(
  "a socket that disappears asks for a new look at once, and a lasting absence does not ask for ever",
  async () => {
    await using scene = await createScene();
    const firstMs = await shortestOf(1000, async () => {
      const before = scene.looks();
      await scene.takeAway();
      const startMs = performance.now();
      await until("the first look", () => scene.looks() > before);
      const ms = performance.now() - startMs;
      if (ms < 1000) return ms;
      await scene.connect();
      await untilOpen(scene.guests);
      return ms;
    });
    expect(firstMs).toBeLessThan(1000);
    await endOf(scene.guests.peer("web1", 0));
    const looks = scene.looks();
    // Each of these calls dials once more.
    for (let call = 0; call < 5; call++) await endOf(scene.guests.peer("web1", 0));
    expect(scene.looks() - looks).toBeLessThan(5);
  },
  TIMEOUT_MS,
);

test(
  "a call that comes when the socket is back is served at once, without the pause of the dialler",
  async () => {
    await using scene = await createScene();
    const ms = await shortestOf(400, async () => {
      await scene.takeAway();
      await endOf(scene.guests.peer("web1", 0));
      await scene.connect();
      const startMs = performance.now();
      await scene.guests.peer("web1", 10_000);
      return performance.now() - startMs;
    });
    expect(ms).toBeLessThan(400);
  },
  TIMEOUT_MS,
);

test.each([
  ["that a slow look finds saved", "flag"],
  ["of libvirt, which reports the guest's end itself,", "libvirt"],
] as const)(
  "a call to a guest %s goes on, although its socket is gone for longer",
  async (_, source) => {
    const { promise: looked, resolve: endLook } = Promise.withResolvers<void>();
    if (source === "libvirt") endLook();
    await using scene = await createScene({ look: () => looked, source });
    const remote = await startCat(scene.guests);
    let isOver = false;
    void remote.ended.then(
      () => (isOver = true),
      () => (isOver = true),
    );
    await scene.takeAway();
    const endMs = performance.now() + GONE_MS;
    await until("the time of a guest that is gone is over", () => performance.now() > endMs);
    expect(isOver).toBe(false);
    await scene.connect();
    await untilOpen(scene.guests);
    endLook();
    remote.stdin?.end();
    expect(await remote.ended).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);
