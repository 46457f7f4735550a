/** A peer that speaks only version 1 of the protocol, as release 0.1.0 does. */
import { connect } from "node:net";
import { once } from "node:events";
import { expect, test } from "bun:test";
import { createStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { VERSION } from "../../src/version.ts";

const TIMEOUT_MS = 180_000;

test(
  "a host whose guest has release 0.1 names both releases in execute, status and log",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const agent = connect(stage.guest().port.guestPath);
    await once(agent, "connect");
    agent.setEncoding("utf8").on("data", (text: string) => {
      const [, nonce] = /"negotiate:([^"]+)"/.exec(text) ?? [];
      if (nonce === undefined) return;
      // As release 0.1.0 refuses: no details.
      const error = { code: -32014, message: "No common protocol version: this side speaks 1 to 1" };
      const refusal = { jsonrpc: "2.0", id: nonce, error: { ...error, data: { code: "UNSUPPORTED" } } };
      agent.write(`\n${JSON.stringify(refusal)}\n`);
    });
    await stage.host.start();
    const both = `negotiator ${VERSION} on the host and negotiator 0.1 on the guest`;
    const message = `${both} have no common protocol version`;
    const called = await stage.host.run(["execute", "web1", "x"]);
    expect(called).toMatchObject({ exitCode: 125, stdout: "" });
    expect(called.stderr).toBe(
      `negotiator: ${message} (2 and 1)\nInstall negotiator ${VERSION} on the guest\n`,
    );
    expect((await stage.host.run(["status", "web1"])).stdout).toContain(message);
    await stage.host.daemon.says(message);
    agent.destroy();
  },
  TIMEOUT_MS,
);

test(
  "a guest whose host has release 0.1 refuses its hello, and names both releases in execute, status and log",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await guest.start();
    const host = connect(guest.port.hostPath);
    await once(host, "connect");
    const params = {
      versions: { min: 1, max: 1 },
      capabilities: ["streams", "resume", "detach"],
      agent: { name: "negotiator", version: "0.1.0", role: "host" },
      session: { id: "a-session-of-the-old-host", received: 0 },
      limits: { lineBytes: 1_048_576 },
    };
    const hello = { method: "negotiate:old-nonce", jsonrpc: "2.0", id: "old-nonce", params };
    const body = `\n${JSON.stringify(hello).replace('{"method":"', '{"method": "')}\n`;
    let answer = "";
    host.setEncoding("utf8").on("data", (text: string) => (answer += text));
    host.write(`${body.length}\n${body}`);
    const both = `negotiator ${VERSION} on the guest and negotiator 0.1.0 on the host`;
    const message = `${both} have no common protocol version`;
    await until("the guest refuses", () => answer.includes(message));
    expect(answer).toMatch(/^\n\{"jsonrpc":"2\.0","id":"old-nonce","error":\{"code":-32014/);
    const called = await guest.run(["execute", "x"]);
    expect(called).toMatchObject({ exitCode: 125, stdout: "" });
    expect(called.stderr).toBe(
      `negotiator: ${message} (2 and 1)\nInstall negotiator ${VERSION} on the host\n`,
    );
    expect((await guest.run(["status"])).stdout).toContain(message);
    await guest.daemon.says(message);
    host.destroy();
  },
  TIMEOUT_MS,
);
