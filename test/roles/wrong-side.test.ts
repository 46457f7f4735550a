/** Tests a port with an agent of the wrong role. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { createLink } from "../../src/peers/link.ts";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { createEmulatedPort } from "../../scripts/emulated-port.ts";
import { runProgram } from "../support/program-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

setDefaultTimeout(180_000);

test("a call to a guest's port with a host's agent exits with 1 and names the wrong role", async () => {
  await using directory = await createTemporaryDirectory();
  await using port = await createEmulatedPort(directory.path, "crossed");
  const stop = new AbortController();
  const hostAgent = createLink({
    side: "listener",
    agent: { name: "negotiator", version: "1", role: "host" },
    makeId: () => "host-agent",
    onCall: (call) => call.respond(null),
  });
  const running = hostAgent.run(await dialSocket(port.guestPath), stop.signal);
  const { exitCode, stderr } = await runProgram([
    "host",
    "list-commands",
    "--socket",
    `web1=${port.hostPath}`,
    "web1",
  ]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("The agent at the other end is a host's, not a guest's");
  stop.abort();
  await running;
});
