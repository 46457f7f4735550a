/** The way to the daemon of this machine, while others use it too. */
import { describe, expect, test } from "bun:test";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { closeSync } from "node:fs";
import { connectNow } from "../../../src/process/libc-socket.ts";
import { dialControl } from "../../../src/roles/cli/control-client.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import { createLink } from "../../../src/peers/link.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test("a command line gets in after others have filled the queue again and again", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenSocket(path, { mode: 0o600, onChannel: () => undefined });
  const address = new TextEncoder().encode(path);
  let turns = 0;
  const fill = (): void => {
    for (let fd = connectNow(address); typeof fd === "number"; fd = connectNow(address)) closeSync(fd);
    if (++turns < 50) setImmediate(fill);
  };
  fill();
  await using session = await dialControl("host", path);
  expect(session?.role).toBe("host");
});

/** Closes the first `closed` connections, and serves the others. */
async function callThrough(closed: number) {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  let dials = 0;
  await using _ = await listenSocket(path, {
    mode: 0o600,
    onChannel(channel) {
      if (++dials <= closed) return void channel.close();
      const link = createLink({
        side: "listener",
        medium: "socket",
        agent: describeAgent("host"),
        makeId,
        onCall: (call) => call.respond({ served: call.method }),
      });
      return void link.run(channel);
    },
  });
  await using control = await dialControl("host", path);
  const call = control?.session.call({ method: "status" });
  const ending = await call?.answer.catch((thrown: unknown) => thrown);
  return { ending, dials };
}

describe("a daemon that closes connections before a session has opened", () => {
  test.each([0, 1, 3])("the call goes over a further connection after %d", async (closed) => {
    const { ending, dials } = await callThrough(closed);
    expect(ending).toMatchObject({ result: { served: "status" } });
    expect(dials).toBe(closed + 1);
  });

  test("after four, the call has not run, and the error says that the daemon does not answer", async () => {
    const { ending, dials } = await callThrough(Infinity);
    expect(ending).toMatchObject({ code: "NO_CHANNEL", message: expect.stringContaining("does not answer") });
    expect(dials).toBe(4);
  });
});
