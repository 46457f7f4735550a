/** The daemon's end of the control socket: which connections it serves, closes and refuses. */
import { expect, test } from "bun:test";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { dialControl } from "../../../src/roles/cli/control-client.ts";
import { listenControl } from "../../../src/roles/daemon/control-server.ts";
import type { ControlOptions } from "../../../src/roles/daemon/control-server.ts";
import type { CliSession } from "../../../src/roles/cli/cli-session.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { encodeHello, PROTOCOL_VERSIONS } from "../../../src/wire/session/handshake.ts";
import type { Hello } from "../../../src/wire/session/handshake.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const OPTIONS: ControlOptions = {
  limits: DEFAULT_LIMITS,
  serve: { call: (call) => call.respond("served"), notice: () => undefined },
};

const HELLO: Hello = {
  nonce: "nonce",
  versions: PROTOCOL_VERSIONS,
  capabilities: [],
  agent: { name: "test", version: "1", role: "host" },
  limits: { lineBytes: 1024 * 1024, noticeBytes: 1024 },
  session: { id: "session", received: 0 },
};

async function dial(path: string): Promise<CliSession> {
  const control = await dialControl("host", path);
  if (control === undefined) throw new Error("No daemon listens");
  return control;
}

async function ask({ session }: CliSession): Promise<unknown> {
  return (await session.call({ method: "status" }).answer).result;
}

async function askOnce(path: string): Promise<unknown> {
  await using control = await dial(path);
  return await ask(control);
}

/** Resolves when the daemon has closed the connection. */
async function closed(channel: Channel): Promise<void> {
  for await (const _ of channel);
}

test("after idleMs the daemon closes a connection without a session", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, idleMs: 500 });
  // On a busy machine the time can be over before the hello, so this tries again.
  await using control = await until("a session is open", async () => {
    const session = await dial(path);
    return ask(session).then(
      () => session,
      () => undefined,
    );
  });
  await closed(await dialSocket(path));
  const withoutHello = await dialSocket(path);
  await withoutHello.write(Buffer.from('{"jsonrpc":"2.0","method":"x"}\n'));
  await closed(withoutHello);
  expect(await ask(control)).toBe("served");
});

test("after idleMs the daemon closes a connection whose session has ended", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, idleMs: 500 });
  const channel = await until("a session is open", async () => {
    const candidate = await dialSocket(path);
    await candidate.write(encodeHello(HELLO));
    const { done } = await candidate[Symbol.asyncIterator]().next();
    return done === true ? undefined : candidate;
  });
  await channel.write(Buffer.from('{"jsonrpc":"2.0","method":"session.goodbye","params":{}}\n'));
  await closed(channel);
});

test("a connection above maxConnections gets BUSY, and is served after another one has ended", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, maxConnections: 1 });
  const control = await dial(path);
  expect(await ask(control)).toBe("served");
  expect(await rejectionOf(askOnce(path))).toMatchObject({
    code: "BUSY",
    message: expect.stringContaining("Too many local connections (1 of 1)"),
  });
  await control[Symbol.asyncDispose]();
  await until("a connection is served", () => askOnce(path).catch(() => false));
});

test("the daemon closes the 34th idle connection at once", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, maxConnections: 1, idleMs: 60_000 });
  const idle: Channel[] = [];
  for (let count = 0; count < 33; count++) idle.push(await dialSocket(path));
  await closed(await dialSocket(path));
  await idle[0]?.close();
  await until("a connection is served", () => askOnce(path).catch(() => false));
  for (const channel of idle) await channel.close();
});

test("a call has the user and process of its connection, whatever the client says", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const serve: ControlOptions["serve"] = {
    call: (call) => call.respond(call.caller),
    notice: () => undefined,
  };
  await using _ = await listenControl("host", path, { ...OPTIONS, serve });
  await using control = await dial(path);
  const forged = { uid: 0, name: "forged", pid: 1, program: "forged" };
  const { result } = await control.session.call({ method: "x", caller: forged }).answer;
  expect(result).toMatchObject({ uid: process.getuid?.(), pid: process.pid });
  expect(JSON.stringify(result)).not.toContain("forged");
});
