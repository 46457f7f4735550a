/** Calls to a guest that is saved: running ones wait for its return, new ones are refused. */
import { executeOn } from "../../../src/peers/remote-command.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile, rm } from "node:fs/promises";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { configureLog } from "../../../src/log.ts";
import type { Guests } from "../../../src/roles/host/guests.ts";
import type { RemoteCommand } from "../../../src/peers/remote-command.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createHostGuests, NO_CHANGES, untilOpen } from "../../support/host-guests.ts";
import { createSocketRelay } from "../../support/socket-relay.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
/** Input of each of several calls. Together it is more than the sockets on the way hold. */
const INPUT_BYTES = 500_000;
const ECHO = "#!/bin/sh\nexec cat\n";

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

/** A guest whose daemon runs, and a host whose finders the test replaces. */
async function createScene() {
  await using owned = new AsyncDisposableStack();
  const stage = owned.use(await createStage({ withoutDaemons: true }));
  const guest = stage.guest();
  await guest.command("echo", ECHO);
  await guest.start();
  owned.use(await createSocketRelay(stage.at("after.sock"), guest.port.hostPath));
  const guests = owned.use(createHostGuests(stage));
  const calling = { port: "negotiator-host-to-guest.0", path: guest.port.hostPath } as const;
  const running: Endpoint = { guest: "web1", uuid: "u", ...calling, source: "libvirt", state: "running" };
  const saved: Endpoint = { ...running, state: "saved", isManaged: true };
  const restored: Endpoint = { ...running, path: stage.at("after.sock"), movedFrom: running.path };
  guests.update({ ...NO_CHANGES, appeared: [running] });
  await untilOpen(guests);
  const held = owned.move();
  const dispose = (): Promise<void> => held.disposeAsync();
  return {
    guests,
    guest,
    running,
    saved,
    restored,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Starts a command that echoes its input, and checks one echo. */
async function converse(guests: Guests) {
  const peer = await guests.peer("web1", 5000);
  const remote = executeOn(peer, { command: "echo", args: [], hasInput: true, timeoutMs: 0 });
  const output = remote.stdout[Symbol.asyncIterator]();
  const echo = async (text: string): Promise<string> => {
    // A write of all the input would wait for a reader of the output, so it is not awaited here.
    const written = remote.stdin?.write(Buffer.from(text));
    let received = "";
    while (received.length < text.length) {
      const { done, value } = await output.next();
      if (done === true) throw new Error(`The output ended after ${received.length} bytes`);
      received += new TextDecoder().decode(value);
    }
    await written;
    return received;
  };
  expect(await echo("first")).toBe("first");
  return { peer, remote, echo };
}

/** The number of accepted connections of a unix socket. Source: proc(5), `/proc/net/unix`, state 03. */
async function countClients(path: string): Promise<number> {
  const lines = (await readFile("/proc/net/unix", "utf8")).split("\n").map((line) => line.split(/ +/));
  return lines.filter((words) => words[5] === "03" && words.at(-1) === path).length;
}

const endOf = (remote: RemoteCommand) => rejectionOf(remote.ended);

test(
  "a call goes on over the new socket of its restored guest, and the old socket is closed",
  async () => {
    await using scene = await createScene();
    const { guests, running, saved, restored } = scene;
    const { remote, echo } = await converse(guests);

    guests.update({ ...NO_CHANGES, changed: [saved] });
    expect(guests.status()).toMatchObject([
      { name: "web1", uuid: "u", state: "saved", dialect: "native", lastError: null, calls: { outgoing: 1 } },
    ]);
    await until("the old channel is given back", async () => (await countClients(running.path)) === 0);
    const echoed = echo("while it was saved");

    guests.update({ ...NO_CHANGES, changed: [restored] });
    expect(await echoed).toBe("while it was saved");
    expect(guests.status()).toMatchObject([{ state: "open", calls: { outgoing: 1 } }]);
    remote.stdin?.end();
    expect(await remote.ended).toMatchObject({ exitCode: 0 });
    expect(await countClients(restored.path)).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  "six calls go on when their guest is restored before its old channel is closed",
  async () => {
    await using scene = await createScene();
    const { guests, guest, running, saved, restored } = scene;
    const calls = await Promise.all(Array.from({ length: 6 }, () => converse(guests)));
    // A stopped guest does not read, so the last messages hold its old channel.
    guest.daemon.kill("SIGSTOP");
    const echoes = calls.map(({ echo }) => echo("x".repeat(INPUT_BYTES)));
    guests.update({ ...NO_CHANGES, changed: [saved] });
    guests.update({ ...NO_CHANGES, changed: [restored] });
    await until("the old channel is given back", async () => (await countClients(running.path)) < 2);
    guest.daemon.kill("SIGCONT");
    for (const echo of echoes) expect(await echo).toHaveLength(INPUT_BYTES);
    await untilOpen(guests);
  },
  TIMEOUT_MS,
);

test(
  "a new call to a saved guest is refused at once, and a waiting call at its deadline",
  async () => {
    await using scene = await createScene();
    const { guests, running, saved } = scene;
    const { peer } = await converse(guests);
    await rm(running.path);
    scene.guest.port.dropHost();
    await until("the socket is missing", () => guests.status()[0]?.lastError !== null);
    guests.update({ ...NO_CHANGES, changed: [saved] });
    expect(guests.status()).toMatchObject([{ state: "saved", lastError: null }]);

    const refused = await rejectionOf(guests.peer("web1", 0));
    expect(refused.code).toBe("NO_CHANNEL");
    expect(refused.message).toBe(
      'Guest "web1" does not answer: it is saved\nBring it back: virsh start web1',
    );
    const late = executeOn(peer, { command: "echo", args: [], hasInput: false, timeoutMs: 100 });
    expect((await endOf(late)).message).toStartWith('Guest "web1" does not answer: it is saved');
  },
  TIMEOUT_MS,
);

test(
  "a call to a saved guest rejects with UNKNOWN_OUTCOME when the guest is gone",
  async () => {
    await using scene = await createScene();
    const { guests, saved } = scene;
    const { remote } = await converse(guests);
    guests.update({ ...NO_CHANGES, changed: [saved] });
    guests.update({ ...NO_CHANGES, gone: [saved] });
    expect(await endOf(remote)).toMatchObject({
      code: "UNKNOWN_OUTCOME",
      message: expect.stringContaining('guest "web1" is gone'),
    });
    expect(guests.status()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "a call to a saved guest is ended when a new run of the guest replaces it",
  async () => {
    await using scene = await createScene();
    const { guests, saved, restored } = scene;
    const { remote } = await converse(guests);
    guests.update({ ...NO_CHANGES, changed: [saved] });
    const { movedFrom: _, ...afresh } = restored;
    guests.update({ ...NO_CHANGES, gone: [saved], appeared: [afresh] });
    expect((await endOf(remote)).message).toContain('guest "web1" is gone');
    await untilOpen(guests);
  },
  TIMEOUT_MS,
);

test(
  "a call goes on when its guest is restored with one port less",
  async () => {
    await using scene = await createScene();
    const { guests, running, saved, restored } = scene;
    const other = { port: "negotiator-guest-to-host.0", path: `${running.path}.none` } as const;
    guests.update({ ...NO_CHANGES, appeared: [{ ...running, ...other }] });
    const { echo } = await converse(guests);
    guests.update({ ...NO_CHANGES, changed: [saved, { ...saved, ...other }] });
    guests.update({ ...NO_CHANGES, changed: [restored], gone: [{ ...saved, ...other }] });
    expect(await echo("second")).toBe("second");
  },
  TIMEOUT_MS,
);

test("256 saved guests are kept, further ones and unknown ones are not", async () => {
  await using stage = await createStage({ withoutDaemons: true, guests: [] });
  await using guests = createHostGuests(stage);
  const saved = Array.from({ length: 300 }, (_, index): Endpoint => {
    const guest = `web${index}`;
    return {
      guest,
      uuid: guest,
      port: "negotiator-host-to-guest.0",
      path: stage.at(guest),
      source: "libvirt",
      state: "saved",
    };
  });
  guests.update({ ...NO_CHANGES, changed: saved });
  expect(guests.status()).toEqual([]);
  guests.update({
    ...NO_CHANGES,
    appeared: saved.map((endpoint) => ({ ...endpoint, state: "running" as const })),
  });
  expect(guests.status()).toHaveLength(300);
  guests.update({ ...NO_CHANGES, changed: saved });
  expect(guests.status().map(({ state }) => state)).toEqual(Array(256).fill("saved"));
  // A finder reports saved guests again after each query, and each counts once.
  guests.update({ ...NO_CHANGES, changed: saved });
  expect(guests.status()).toHaveLength(256);
});
