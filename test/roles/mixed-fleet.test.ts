/**
 * Tests python-negotiator and this program together, in both roles: all pairs work, and no old agent dies.
 */
import { expect, test } from "bun:test";
import { createEmulatedPort } from "../../scripts/emulated-port.ts";
import type { EmulatedPort } from "../../scripts/emulated-port.ts";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { askStatus } from "../../src/roles/host/ask-status.ts";
import type { GuestStatus } from "../../src/roles/host/status.ts";
import { createOldClient } from "../support/old-client.ts";
import { createOldHost } from "../support/old-port.ts";
import { serveOldPeer } from "../support/old-peer.ts";
import type { OldCall, OldCommand, OldServer } from "../support/old-peer.ts";
import { createStage } from "../support/stage.ts";
import type { Stage } from "../support/stage.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
/** A deadline that passes in the test. On a busy machine too, the daemon must get the call before. */
const SECONDS = "4";

const COMMANDS: Record<string, OldCommand> = {
  echo: (args) => ({ stdout: `${args.join(" ")}\n` }),
  cat: (_, input) => ({ stdout: input ?? "nothing" }),
  fail: ([exit = "1"]) => ({ stdout: "partial\n", exit: Number(exit) }),
};

/** Delays calls with the argument `wait` until `open`. */
type Gate = { work: (call: OldCall) => Promise<void>; open: () => void };

function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: ({ args }) => (args.includes("wait") ? promise : Promise.resolve()), open: resolve };
}

/** One host with a new and an old guest. */
type Fleet = AsyncDisposable & {
  stage: Stage;
  agent: OldServer;
  /** The old guest's two ports. */
  port: EmulatedPort;
  back: EmulatedPort;
  /** The arguments of the calls that the agent has received, without hellos. */
  received: () => string[];
  gate: Gate;
};

/** Starts a host's daemon, a new guest `web1` and an old guest `old1`. */
async function createFleet(): Promise<Fleet> {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const port = owned.use(await createEmulatedPort(directory.path, "out"));
  const back = owned.use(await createEmulatedPort(directory.path, "back"));
  const gate = createGate();
  const agent = serveOldPeer(owned.use(await dialSocket(port.guestPath)), {
    commands: COMMANDS,
    work: gate.work,
  });
  const named = [
    `[[guests]]\nname = "old1"\nsocket = "${port.hostPath}"\n`,
    `[[guests]]\nname = "old1"\nsocket = "${back.hostPath}"\nport = "negotiator-guest-to-host.0"\n`,
  ];
  const stage = owned.use(await createStage({ settings: named.join("") }));
  await waitForLegacy(stage);
  const fleet = owned.move();
  return {
    stage,
    agent,
    port,
    back,
    gate,
    received: () => agent.calls.flatMap(({ method, args }) => (method === "execute" ? [args.join(" ")] : [])),
    [Symbol.asyncDispose]: () => fleet.disposeAsync(),
  };
}

async function statusOf(stage: Stage, name: string): Promise<Partial<GuestStatus>> {
  return (await askStatus(stage.host.control))?.find((guest) => guest.name === name) ?? {};
}

async function waitForLegacy(stage: Stage): Promise<void> {
  await until(
    "the host detects the dialect of old1",
    async () => (await statusOf(stage, "old1")).state === "legacy",
  );
}

test.concurrent(
  "a host's daemon calls a new and an old guest alike, and shows the dialect of each",
  async () => {
    await using fleet = await createFleet();
    const { stage, agent } = fleet;
    const { host } = stage;
    const run = (words: string[], stdin?: string) => host.run(words, stdin === undefined ? {} : { stdin });

    expect(await run(["list-commands", "old1"])).toMatchObject({ exitCode: 0, stdout: "cat\necho\nfail\n" });
    expect(await run(["execute", "old1", "echo", "a  b", "--help"])).toMatchObject({
      exitCode: 0,
      stdout: "a  b --help\n",
    });
    expect(await run(["execute", "old1", "cat"], "naïve\ninput\n")).toMatchObject({
      exitCode: 0,
      stdout: "naïve\ninput\n",
    });
    expect(await run(["execute", "old1", "fail", "3"])).toMatchObject({
      exitCode: 3,
      stdout: "partial\n",
      stderr: "",
    });
    expect(await run(["execute", "old1", "fail", "-15"])).toMatchObject({
      exitCode: 143,
      stdout: "partial\n",
    });
    expect(await run(["execute", "old1", "none"])).toMatchObject({ exitCode: 127, stdout: "" });
    expect(await run(["-e", "echo 'a  b'", "old1"])).toMatchObject({ exitCode: 0, stdout: "a  b\n" });
    expect(await run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });

    const { stdout } = await run(["list-guests", "--json"]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line)),
    ).toMatchObject([
      { name: "old1", dialect: "legacy", state: "legacy" },
      { name: "web1", dialect: "native", state: "open" },
    ]);
    expect((await run(["status"])).stdout).toMatch(/^old1: legacy, since .*\nweb1: open, negotiator /);
    expect(agent.death).toBeUndefined();
    const audited = await until("the call is in the audit", async () =>
      (await host.audit()).find(({ exitCode }) => exitCode === 3),
    );
    expect(audited).toMatchObject({
      direction: "outgoing",
      peer: { guest: "old1" },
      command: "fail",
      arguments: ["3"],
    });
  },
  TIMEOUT_MS,
);

test.concurrent(
  "calls to an old guest wait for each other until their deadlines, and status counts them",
  async () => {
    await using fleet = await createFleet();
    const { stage, gate } = fleet;
    const { host } = stage;
    await using first = host.launch(["execute", "-t", "0", "old1", "echo", "wait", "first"]);
    await until("the first call has arrived", () => fleet.received().length === 1);
    await using second = host.launch(["execute", "-t", "0", "old1", "echo", "second"]);
    await using third = host.launch(["execute", "-t", "0", "old1", "echo", "third"]);
    const waiting = async (count: number): Promise<void> => {
      await until(`${count} calls wait`, async () => {
        const { calls } = await statusOf(stage, "old1");
        return JSON.stringify(calls) === JSON.stringify({ outgoing: count, incoming: 0 });
      });
    };
    await waiting(3);
    const late = await host.run(["execute", "-t", SECONDS, "old1", "echo", "late"]);
    expect(late).toMatchObject({ exitCode: 124, stdout: "" });
    expect(late.stderr).toContain("was not sent");
    expect(await host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
    await waiting(3);
    gate.open();
    const ends = await Promise.all([first.ended(), second.ended(), third.ended()]);
    expect(ends.map(({ stdout }) => stdout)).toEqual(["wait first\n", "second\n", "third\n"]);
    expect(fleet.received()).not.toContain("echo late");
    await waiting(0);
    expect(fleet.agent.death).toBeUndefined();
  },
  TIMEOUT_MS,
);

test.concurrent(
  "after a deadline, a cut and a killed daemon, the next call to an old guest gets its own answer",
  async () => {
    await using fleet = await createFleet();
    const { stage, gate, agent, port } = fleet;
    const { host } = stage;
    const next = async (word: string): Promise<void> => {
      expect(await host.run(["execute", "old1", "echo", word])).toMatchObject({
        exitCode: 0,
        stdout: `${word}\n`,
      });
    };
    expect(await host.run(["execute", "-t", SECONDS, "old1", "echo", "wait", "one"])).toMatchObject({
      exitCode: 124,
    });
    await using cut = host.launch(["execute", "-t", "0", "old1", "echo", "wait", "two"]);
    await until("the call waits", async () =>
      JSON.stringify(await statusOf(stage, "old1")).includes('"outgoing":1'),
    );
    const ending = cut.ended();
    const ended = await until("the call has ended", () => {
      // The daemon may report the call before the port has its connection, so this repeats.
      port.dropHost();
      return Promise.race([ending, Promise.resolve(undefined)]);
    });
    expect(ended).toMatchObject({ exitCode: 125, stdout: "" });
    await using lost = host.launch(["execute", "-t", "0", "old1", "echo", "three"]);
    await until("the call waits", async () =>
      JSON.stringify(await statusOf(stage, "old1")).includes('"outgoing":1'),
    );
    host.daemon.kill("SIGKILL");
    expect((await lost.ended()).exitCode).toBe(125);
    await host.daemon.exited;
    await host.start();
    gate.open();
    await waitForLegacy(stage);
    await next("four");
    await next("five");
    expect(agent.death).toBeUndefined();
  },
  TIMEOUT_MS,
);

test.concurrent(
  "without a daemon, the host's command line detects that a guest is old, and calls it",
  async () => {
    await using directory = await createTemporaryDirectory();
    await using port = await createEmulatedPort(directory.path, "out");
    await using channel = await dialSocket(port.guestPath);
    const agent = serveOldPeer(channel, { commands: COMMANDS });
    await using stage = await createStage({ withoutDaemons: true });
    const socket = ["--socket", `old1=${port.hostPath}`];
    const { host } = stage;
    expect(await host.run(["execute", ...socket, "old1", "echo", "x"])).toMatchObject({
      exitCode: 0,
      stdout: "x\n",
    });
    expect(await host.run(["execute", ...socket, "old1", "fail", "9"])).toMatchObject({ exitCode: 9 });
    expect(await host.run(["list-commands", ...socket, "old1"])).toMatchObject({
      stdout: "cat\necho\nfail\n",
    });
    expect(agent.death).toBeUndefined();
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a guest's daemon serves old and new hosts in turn over one port",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await guest.command("show", '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n');
    await guest.start();
    const callAsOld = async (word: string): Promise<void> => {
      await using channel = await dialSocket(guest.port.hostPath);
      const client = createOldClient(channel);
      expect(await client.call("execute", ["show", word], { capture: true })).toEqual({
        result: `[${word}]`,
        success: true,
      });
      expect(await client.call("list_commands")).toMatchObject({ success: true });
    };
    const callAsNew = async (word: string): Promise<void> => {
      await stage.host.start();
      await stage.open();
      expect(await stage.host.run(["execute", "web1", "show", word])).toMatchObject({
        exitCode: 0,
        stdout: `[${word}]\n`,
      });
      stage.host.daemon.kill("SIGTERM");
      await stage.host.daemon.exited;
      // A guest with an open session may still write, and the port would give that to the next host.
      await until("the guest's session is closed", async () => {
        const { stdout } = await guest.run(["status", "--json"]);
        return JSON.parse(stdout).state !== "open";
      });
    };
    await callAsOld("first");
    await callAsNew("second");
    await callAsOld("third");
    await callAsNew("fourth");
    await callAsOld("fifth");
    const executed = await until("all calls are in the audit", async () => {
      const calls = (await guest.audit()).filter(({ method }) => method === "execute");
      return calls.length === 5 ? calls : undefined;
    });
    expect(executed.map(({ arguments: words }) => words)).toEqual(
      ["first", "second", "third", "fourth", "fifth"].map((word) => [word]),
    );
  },
  TIMEOUT_MS,
);

test.concurrent(
  "no call fails while a guest is upgraded, and downgraded, under a running host",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const { host } = stage;
    const guest = stage.guest();
    const untilDialect = async (dialect: string): Promise<void> => {
      await until(
        `the guest speaks ${dialect}`,
        async () => (await statusOf(stage, "web1")).dialect === dialect,
      );
    };
    const channel = await dialSocket(guest.port.guestPath);
    const before = serveOldPeer(channel, { commands: COMMANDS });
    await host.start();
    await untilDialect("legacy");
    await channel.close();

    await guest.start();
    const works = { exitCode: 0, stderr: "" };
    const call = () => host.run(["execute", "web1", "find-distributor-id"]);
    expect(await Promise.all([call(), call(), call()])).toMatchObject([works, works, works]);
    expect(await call()).toMatchObject(works);
    await untilDialect("native");

    guest.daemon.kill("SIGTERM");
    await guest.daemon.exited;
    await until("the host's session is closed", async () => (await statusOf(stage, "web1")).state !== "open");
    const early = host.run(["execute", "-t", "0", "web1", "echo", "early"]);
    await using again = await dialSocket(guest.port.guestPath);
    const after = serveOldPeer(again, { commands: COMMANDS });
    expect(await early).toMatchObject({ ...works, stdout: "early\n" });
    expect(await host.run(["execute", "web1", "echo", "x"])).toMatchObject({ ...works, stdout: "x\n" });
    await untilDialect("legacy");
    expect([before.death, after.death]).toEqual([undefined, undefined]);
  },
  TIMEOUT_MS,
);

test.concurrent(
  "calls of an old guest to a new daemon have its name, its policy and its audit entries",
  async () => {
    await using fleet = await createFleet();
    const { host } = fleet.stage;
    await host.command("whoami", '#!/bin/sh\necho "$NEGOTIATOR_GUEST"\n');
    await using channel = await dialSocket(fleet.back.guestPath);
    const client = createOldClient(channel);
    expect(await client.call("execute", ["whoami"], { capture: true })).toEqual({
      result: "old1",
      success: true,
    });
    expect(await client.call("execute", ["x; id"], { capture: true })).toMatchObject({ success: false });
    expect(await client.call("list_commands")).toMatchObject({ result: expect.arrayContaining(["whoami"]) });
    await host.setPolicy('[[rules]]\naction = "deny"\nguests = ["old*"]\n');
    host.daemon.kill("SIGHUP");
    await host.daemon.says("were read again");
    expect(await client.call("execute", ["whoami"])).toMatchObject({
      success: false,
      error: expect.stringContaining('denies the command "whoami"'),
    });
    expect(await host.audit(4)).toMatchObject([
      { direction: "incoming", peer: { guest: "old1" }, command: "whoami", exitCode: 0 },
      { direction: "incoming", peer: { guest: "old1" }, command: "x; id", errorCode: "NO_COMMAND" },
      { direction: "incoming", peer: { guest: "old1" }, method: "list-commands", decision: "allowed" },
      { direction: "incoming", peer: { guest: "old1" }, command: "whoami", decision: "denied" },
    ]);
  },
  TIMEOUT_MS,
);

test.concurrent.each([
  ["with a daemon", true],
  ["without a daemon", false],
])(
  "a new guest %s gets output, exit codes and the list of commands from an old host's daemon",
  async (_, hasDaemon) => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    if (hasDaemon) await guest.start();
    await using old = await createOldHost(stage.at("back"), { commands: COMMANDS });
    const device = ["-c", stage.at("back")];
    expect(await guest.run(["execute", ...device, "echo", "a  b"])).toMatchObject({
      exitCode: 0,
      stdout: "a  b\n",
    });
    expect(await guest.run(["execute", ...device, "cat"], { stdin: "in" })).toMatchObject({
      exitCode: 0,
      stdout: "in\n",
    });
    expect(await guest.run(["execute", ...device, "fail", "4"])).toMatchObject({
      exitCode: 4,
      stdout: "partial\n",
    });
    expect(await guest.run(["list-commands", ...device])).toMatchObject({
      exitCode: 0,
      stdout: "cat\necho\nfail\n",
    });
    expect(await guest.run([...device, "-e", "echo old form"])).toMatchObject({
      exitCode: 0,
      stdout: "old form\n",
    });
    expect(old.worker.death).toBeUndefined();
  },
  TIMEOUT_MS,
);
