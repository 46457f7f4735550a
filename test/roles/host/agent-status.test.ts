/** `status` of a guest that has only the QEMU guest agent, here the real one at a unix socket. */
import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import { createAgentHost } from "../../support/agent-host.ts";
import { runProcess } from "../../support/program-run.ts";
import { hasTool } from "../../support/requirements.ts";
import { until } from "../../support/until.ts";

const isInstalled = await hasTool({ program: "qemu-ga", package: "qemu-guest-agent" });

/** The agent may not run programs. */
const NO_EXEC = ["-b", "guest-exec"];
const CANNOT = "cannot run commands: guest-exec is blocked";

test.skipIf(!isInstalled)(
  "status tells the version of the QEMU guest agent, what it cannot do, and that it has ended",
  async () => {
    await using host = await createAgentHost({ agentWords: NO_EXEC });
    const { agent, run, json } = host;
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
  180_000,
);

test.skipIf(!isInstalled)(
  "a QEMU guest agent for which the host has no commands is asked only after a call to it",
  async () => {
    await using host = await createAgentHost({ agentWords: NO_EXEC, hasCommands: false });
    const { run, json } = host;
    expect(await json()).toMatchObject({ state: "qga", version: null });
    expect(await json()).toMatchObject({ version: null, bytes: { in: 0, out: 0 } });
    expect((await run("guest-info", "db1")).exitCode).toBe(0);
    await until("the daemon has asked", async () => (await json()).version !== null);
  },
  180_000,
);
