/** `doctor` on a host asks a QEMU guest agent, and does not take its word from the port. */
import { expect, test } from "bun:test";
import { chmod, rename } from "node:fs/promises";
import { launchDaemon, PROGRAM } from "../../support/program.ts";
import { runProcess } from "../../support/program-run.ts";
import { hasTool } from "../../support/requirements.ts";
import { startQemuAgent } from "../../support/qemu-agent.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const isInstalled = await hasTool({ program: "qemu-ga", package: "qemu-guest-agent" });

test.skipIf(!isInstalled)("doctor tells an agent that answers from one that has ended", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(await directory.write("commands/hello", "#!/bin/sh\n"), 0o755);
  const agent = await startQemuAgent();
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
  await using daemon = launchDaemon(["host", "daemon", "--config", config], {
    NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
  });
  await daemon.says("Serving local users");
  const doctor = async (): Promise<string> => {
    const { stdout } = await runProcess([...PROGRAM, "host", "doctor", "db1", "--config", config]);
    return stdout;
  };
  expect(await doctor()).toContain("ok       agent: the QEMU guest agent answers");
  await rename(agent.socket, `${agent.socket}.gone`);
  await agent[Symbol.asyncDispose]();
  const found = await doctor();
  expect(found).not.toContain("the QEMU guest agent answers");
  expect(found).toContain("agent: ");
});
