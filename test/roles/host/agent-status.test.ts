/** `status` of a guest that has only the QEMU guest agent, here the real one at a unix socket. */
import { expect, test } from "bun:test";
import { chmod, rename } from "node:fs/promises";
import { launchDaemon, PROGRAM } from "../../support/program.ts";
import { runProcess } from "../../support/program-run.ts";
import { hasTool } from "../../support/requirements.ts";
import { startQemuAgent } from "../../support/qemu-agent.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const isInstalled = await hasTool({ program: "qemu-ga", package: "qemu-guest-agent" });

/** A host's daemon beside an agent that may not run programs. */
async function createScene({ hasCommands }: { hasCommands: boolean }) {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  if (hasCommands) await chmod(await directory.write("commands/hello", "#!/bin/sh\n"), 0o755);
  const agent = owned.use(await startQemuAgent(["-b", "guest-exec"]));
  const config = await directory.write(
    "negotiator.toml",
    `[host]
libvirt = "no"
qemu = "no"
control = "${directory.at("host.sock")}"
guestCommandsDirectory = "${directory.at("commands")}"
[audit]
file = "${directory.at("audit.jsonl")}"
[[guests]]
name = "db1"
socket = "${agent.socket}"
port = "org.qemu.guest_agent.0"
`,
  );
  const daemon = owned.use(
    launchDaemon(["host", "daemon", "--config", config], {
      NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
    }),
  );
  await daemon.says("Serving local users");
  const run = async (...words: string[]) => runProcess([...PROGRAM, "host", ...words, "--config", config]);
  const held = owned.move();
  return {
    agent,
    run,
    json: async () => JSON.parse((await run("status", "--json", "db1")).stdout),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const CANNOT = "cannot run commands: guest-exec is blocked";

test.skipIf(!isInstalled)(
  "status tells the version of the QEMU guest agent, what it cannot do, and that it has ended",
  async () => {
    await using scene = await createScene({ hasCommands: true });
    const { agent, run, json } = scene;
    const { stdout: said } = await runProcess(["sh", "-c", "PATH=$PATH:/usr/sbin qemu-ga --version"]);
    const version = /\d+\.\d+\S*/.exec(said)?.[0];
    await until("the daemon has asked", async () => (await json()).version !== null);
    expect(await json()).toMatchObject({ state: "qga", dialect: "qga", version, cannot: [CANNOT] });
    const line = (await run("status")).stdout;
    expect(line).toStartWith(`db1: qga, version ${version}, since `);
    expect(line).toContain(`, ${CANNOT}`);
    const listed = await run("list-commands", "db1");
    expect(listed.stdout).toBe("hello\n");
    expect(listed.stderr).toBe(
      `negotiator: The guest has only the QEMU guest agent ${version}, which ${CANNOT}\n`,
    );
    expect((await run("status", "--check", "db1")).stdout).toStartWith("ok: ");

    await rename(agent.socket, `${agent.socket}.gone`);
    await agent[Symbol.asyncDispose]();
    expect((await run("guest-info", "db1", "--connect-timeout", "5")).exitCode).not.toBe(0);
    expect(await json()).toMatchObject({
      state: "unresponsive",
      dialect: "qga",
      version,
      lastError: expect.stringContaining(agent.socket),
    });
  },
  60_000,
);

test.skipIf(!isInstalled)(
  "a QEMU guest agent for which the host has no commands is asked only after a call to it",
  async () => {
    await using scene = await createScene({ hasCommands: false });
    const { run, json } = scene;
    expect(await json()).toMatchObject({ state: "qga", version: null });
    expect(await json()).toMatchObject({ version: null, bytes: { in: 0, out: 0 } });
    expect((await run("guest-info", "db1")).exitCode).toBe(0);
    await until("the daemon has asked", async () => (await json()).version !== null);
  },
  60_000,
);
