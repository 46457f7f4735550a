/** `doctor` on a host asks a QEMU guest agent, and does not take its word from the port. */
import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import { createAgentHost } from "../../support/agent-host.ts";
import { hasTool } from "../../support/requirements.ts";

const isInstalled = await hasTool({ program: "qemu-ga", package: "qemu-guest-agent" });

test.skipIf(!isInstalled)("doctor tells an agent that answers from one that has ended", async () => {
  await using host = await createAgentHost();
  const { agent, run } = host;
  const doctor = async (): Promise<string> => (await run("doctor", "db1")).stdout;
  expect(await doctor()).toContain("ok       agent: the QEMU guest agent answers");
  await rename(agent.socket, `${agent.socket}.gone`);
  await agent[Symbol.asyncDispose]();
  const found = await doctor();
  expect(found).not.toContain("the QEMU guest agent answers");
  expect(found).toContain("agent: ");
});
