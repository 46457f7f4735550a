/** Calls to a guest of which libvirt says that it is paused, or that no program has the port open. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { configureLog } from "../../../src/log.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import { within } from "../../support/deadline.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createHostGuests, NO_CHANGES, untilOpen } from "../../support/host-guests.ts";
import { shortestOf } from "../../support/shortest.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
/** A call that the host refuses at once takes less. */
const AT_ONCE_MS = 1000;
/** A state that has lasted for so long refuses new calls at once. */
const LASTING_MS = 2000;

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

/** A host that learns of its guest from the test. The guest's daemon runs on demand. */
async function createScene({ hasAgent }: { hasAgent: boolean }) {
  await using owned = new AsyncDisposableStack();
  const stage = owned.use(await createStage({ withoutDaemons: true }));
  const guest = stage.guest();
  await guest.command("cat", "#!/bin/sh\nexec cat\n");
  if (hasAgent) await guest.start();
  let looks = 0;
  const guests = owned.use(createHostGuests(stage, {}, () => void looks++));
  const calling = { port: "negotiator-host-to-guest.0", path: guest.port.hostPath } as const;
  const running: Endpoint = { guest: "web1", uuid: "u", ...calling, source: "libvirt", state: "running" };
  const held = owned.move();
  return {
    guest,
    guests,
    running,
    looks: () => looks,
    paused: { ...running, state: "paused" } as const,
    appear: (endpoint: Endpoint) => guests.update({ ...NO_CHANGES, appeared: [endpoint] }),
    change: (endpoint: Endpoint) => guests.update({ ...NO_CHANGES, changed: [endpoint] }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Waits until the state that begins now has lasted. */
function lasts(): Promise<unknown> {
  const endMs = performance.now() + LASTING_MS;
  return until("the state has lasted", () => performance.now() > endMs);
}

const late = (): Error => new Error("The call is not refused");

/** Makes calls that are refused, until one is refused at once. */
async function refusal(call: () => Promise<unknown>): Promise<{ message: string; isAtOnce: boolean }> {
  let message = "";
  const ms = await shortestOf(AT_ONCE_MS, async () => {
    const startMs = performance.now();
    ({ message } = await within(rejectionOf(call()), 20 * AT_ONCE_MS, late));
    return performance.now() - startMs;
  });
  return { message, isAtOnce: ms < AT_ONCE_MS };
}

test(
  "a new call to a guest that has been paused for two seconds is refused at once, and the status says so",
  async () => {
    await using scene = await createScene({ hasAgent: true });
    scene.appear(scene.running);
    await untilOpen(scene.guests);
    scene.change(scene.paused);
    const { state, since } = scene.guests.status()[0] ?? {};
    expect(state).toBe("paused");
    expect(Date.now() - Date.parse(since ?? "")).toBeLessThan(AT_ONCE_MS);
    await lasts();
    expect(await refusal(() => scene.guests.peer("web1", 0))).toEqual({
      message: 'Guest "web1" does not answer: it is paused\nResume it: virsh resume web1',
      isAtOnce: true,
    });
    scene.change(scene.running);
    expect(scene.guests.status()[0]?.state).toBe("open");
    await scene.guests.peer("web1", 5000);
  },
  TIMEOUT_MS,
);

test(
  "the error for a paused guest of another libvirt names that libvirt in its remedy",
  async () => {
    await using scene = await createScene({ hasAgent: true });
    scene.appear(scene.running);
    await untilOpen(scene.guests);
    scene.change({ ...scene.paused, connect: "qemu:///session" });
    expect((await rejectionOf(scene.guests.peer("web1", 300))).message).toEndWith(
      "\nResume it: virsh --connect qemu:///session resume web1",
    );
  },
  TIMEOUT_MS,
);

test(
  "a new call to a guest that was just paused waits until the guest is resumed, or for its time",
  async () => {
    await using scene = await createScene({ hasAgent: true });
    scene.appear(scene.running);
    await untilOpen(scene.guests);
    scene.change(scene.paused);
    expect((await rejectionOf(scene.guests.peer("web1", 300))).message).toContain("it is paused");
    const waiting = scene.guests.peer("web1", 0);
    let isServed = false;
    void waiting.then(() => (isServed = true));
    await lasts();
    expect(isServed).toBe(false);
    scene.change(scene.running);
    await waiting;
  },
  TIMEOUT_MS,
);

test(
  "a running call goes on when its guest is paused for longer than two seconds",
  async () => {
    await using scene = await createScene({ hasAgent: true });
    scene.appear(scene.running);
    await untilOpen(scene.guests);
    const peer = await scene.guests.peer("web1", 5000);
    const remote = executeOn(peer, { command: "cat", args: [], hasInput: true, timeoutMs: 0 });
    scene.change(scene.paused);
    await lasts();
    scene.change(scene.running);
    remote.stdin?.end();
    expect(await remote.ended).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);

test(
  "a new call is refused at once when no program has had the port open for two seconds",
  async () => {
    await using scene = await createScene({ hasAgent: false });
    scene.appear({ ...scene.running, connected: false });
    await lasts();
    expect(await refusal(() => scene.guests.peer("web1", 0))).toEqual({
      message:
        'Guest "web1" does not answer: no program in it has the channel open\n' +
        "Start the agent in the guest: negotiator guest daemon\n" +
        "If it is a service there: systemctl restart negotiator-guest; journalctl -u negotiator-guest",
      isAtOnce: true,
    });
  },
  TIMEOUT_MS,
);

test(
  "a new call is refused at once when a scan finds two seconds after the agent's end that the port is closed",
  async () => {
    await using scene = await createScene({ hasAgent: true });
    scene.appear(scene.running);
    await untilOpen(scene.guests);
    scene.guest.daemon.kill("SIGTERM");
    await scene.guest.daemon.exited;
    await until("the end is noticed", () => scene.guests.status()[0]?.state !== "open");
    expect(scene.guests.status()[0]).toMatchObject({
      state: "unresponsive",
      lastError: expect.stringMatching(
        /^The agent is not running: it was stopped \(the guest's daemon stops\)\nStart the agent /,
      ),
    });
    await until("the host looks again", () => scene.looks() > 0);
    await lasts();
    scene.change({ ...scene.running, connected: false });
    expect(await refusal(() => scene.guests.peer("web1", 0))).toMatchObject({ isAtOnce: true });
  },
  TIMEOUT_MS,
);

test(
  "the status of an agent that was killed says so when a scan finds the port closed, and not after its start",
  async () => {
    await using scene = await createScene({ hasAgent: true });
    scene.appear(scene.running);
    await untilOpen(scene.guests);
    scene.guest.daemon.kill("SIGKILL");
    await scene.guest.daemon.exited;
    await until("the end is noticed", () => scene.guests.status()[0]?.state !== "open");
    expect(scene.guests.status()[0]?.lastError ?? "").not.toContain("is not running");
    scene.change({ ...scene.running, connected: false });
    expect(scene.guests.status()[0]?.lastError).toStartWith(
      "The agent is not running: no program in the guest has the channel open\nStart the agent ",
    );
    await scene.guest.start();
    await untilOpen(scene.guests);
    expect(scene.guests.status()[0]?.lastError).toBeNull();
  },
  TIMEOUT_MS,
);

test(
  "a call to a guest whose agent starts while it waits is served",
  async () => {
    await using scene = await createScene({ hasAgent: false });
    scene.appear({ ...scene.running, connected: false });
    const waiting = scene.guests.peer("web1", 0);
    await lasts();
    await scene.guest.start();
    await waiting;
  },
  TIMEOUT_MS,
);

test(
  "a patient call waits for an agent that starts long after its port was closed, and for its time only",
  async () => {
    await using scene = await createScene({ hasAgent: false });
    scene.appear({ ...scene.running, connected: false });
    await lasts();
    const ask = () => scene.guests.peer("web1", 1.5 * AT_ONCE_MS, undefined, { isPatient: true });
    expect(await refusal(ask)).toMatchObject({ isAtOnce: false });
    const waiting = scene.guests.peer("web1", 0, undefined, { isPatient: true });
    await scene.guest.start();
    await waiting;
  },
  TIMEOUT_MS,
);

test(
  "a call is served although the last scan came before the agent opened the port",
  async () => {
    await using scene = await createScene({ hasAgent: false });
    scene.appear({ ...scene.running, connected: false });
    await lasts();
    await scene.guest.start();
    await untilOpen(scene.guests);
    await scene.guests.peer("web1", 5000);
  },
  TIMEOUT_MS,
);
