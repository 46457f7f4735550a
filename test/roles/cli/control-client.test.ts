/** The way to the daemon of this machine, while others use it too. */
import { expect, test } from "bun:test";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { probeListener } from "../../../src/process/libc.ts";
import { dialControl } from "../../../src/roles/cli/control-client.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test("a command line gets in after others have filled the queue again and again", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenSocket(path, { mode: 0o600, onChannel: () => undefined });
  const address = new TextEncoder().encode(path);
  let turns = 0;
  const fill = (): void => {
    while (probeListener(address) === "free");
    if (++turns < 50) setImmediate(fill);
  };
  fill();
  await using session = await dialControl("host", path);
  expect(session?.role).toBe("host");
});
