/** Tests python-negotiator 0.1 and this program's daemons together, in both roles. No old agent dies. */
import { expect, test } from "bun:test";
import { readDistribution } from "../../src/methods/builtin/distribution.ts";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { askStatus } from "../../src/roles/host/ask-status.ts";
import { createOldestClient } from "../support/oldest-client.ts";
import { createOldestServer } from "../support/oldest-peer.ts";
import type { OldestServer } from "../support/oldest-peer.ts";
import { serveAt } from "../support/old-peer.ts";
import { createStage } from "../support/stage.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { COMMANDS } from "../peers/legacy/legacy-calls.ts";

const TIMEOUT_MS = 180_000;

/** Starts an agent of python-negotiator 0.1 in the guest `web1`. `stop` ends it. */
async function startAgent(stage: Stage): Promise<{ agent: OldestServer; stop: () => Promise<void> }> {
  const channel = await dialSocket(stage.guest().port.guestPath);
  const agent = serveAt(channel, (write) => createOldestServer({ commands: COMMANDS, write }));
  return { agent, stop: () => channel.close() };
}

async function untilState(stage: Stage, state: string): Promise<void> {
  await until(
    `the guest's state is ${state}`,
    async () => (await askStatus(stage.host.control))?.find(({ name }) => name === "web1")?.state === state,
  );
}

test.concurrent(
  "a host's daemon calls python-negotiator 0.1 through upgrade and downgrade, and shows the release",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const { host } = stage;
    const before = await startAgent(stage);
    await host.start();
    await untilState(stage, "legacy-0.1");
    const run = (...words: string[]) => host.run(["execute", "-n", "web1", ...words]);
    expect(await run("find-ip-addresses")).toMatchObject({
      exitCode: 0,
      stdout: "127.0.0.1/8\n192.0.2.2/24\n",
      stderr: "",
    });
    expect(await run("echo", "a  b", "--help")).toMatchObject({ exitCode: 0, stdout: "a  b --help\n" });
    expect(await run("fail", "3")).toMatchObject({ exitCode: 3, stdout: "", stderr: "" });
    expect(await run("none")).toMatchObject({
      exitCode: 127,
      stderr: expect.stringContaining("did not find it"),
    });
    expect(await host.run(["execute", "web1", "cat"], { stdin: "text" })).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining("takes no input for a command\nCall again without input"),
    });
    expect(await host.run(["list-commands", "web1"])).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining('(python-negotiator 0.1 or 0.2) has no method "list-commands"'),
    });
    expect(before.agent.death).toBeUndefined();
    await before.stop();

    const guest = stage.guest();
    await guest.start();
    const calls = await Promise.all([run("find-distributor-id"), run("find-distributor-id")]);
    const { id } = await readDistribution();
    expect(calls).toMatchObject([{ stdout: `${id}\n` }, { stdout: `${id}\n` }]);
    await untilState(stage, "open");

    guest.daemon.kill("SIGTERM");
    await guest.daemon.exited;
    const after = await startAgent(stage);
    await untilState(stage, "legacy-0.1");
    expect(await run("find-distributor-id")).toMatchObject({ exitCode: 0, stdout: "Ubuntu\n" });
    expect(after.agent.death).toBeUndefined();
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a guest's daemon answers a host with python-negotiator 0.1, and a new host after it",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await guest.start();
    const old = createOldestClient(await dialSocket(guest.port.hostPath));
    const { id } = await readDistribution();
    expect(await old.find("find_distributor_id")).toBe(`${id}\n`);
    expect(await old.execute("find-distributor-id")).toBe(`${id}\n`);
    await old.close();
    await stage.host.start();
    await untilState(stage, "open");
    expect(await stage.host.run(["execute", "-n", "web1", "find-distributor-id"])).toMatchObject({
      exitCode: 0,
      stdout: `${id}\n`,
    });
  },
  TIMEOUT_MS,
);
