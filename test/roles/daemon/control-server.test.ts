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

/** Every next connection comes from the next of these users; the last one stays. */
function usersInTurn(...uids: number[]): NonNullable<ControlOptions["callerOf"]> {
  let next = 0;
  return () => {
    const uid = uids[Math.min(next++, uids.length - 1)] ?? 0;
    return { uid, name: `user${uid}` };
  };
}

async function busyMessage(path: string): Promise<string> {
  const { code, message } = await rejectionOf(askOnce(path));
  expect(code).toBe("BUSY");
  return message;
}

test("a connection above its user's share gets BUSY, and other users and root are served", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const callerOf = usersInTurn(1000, 1000, 2000, 0, 0, 1000);
  const connections = { ofUser: 1, ofAll: 5 };
  await using _ = await listenControl("host", path, { ...OPTIONS, connections, callerOf });
  const control = await dial(path);
  expect(await ask(control)).toBe("served");
  const remedy = `See them with: ss -xp | grep "${directory.path}/"`;
  expect(await busyMessage(path)).toBe(
    `Too many connections of the local user "user1000" (1 of 1)\n${remedy}`,
  );
  await using other = await dial(path);
  expect(await ask(other)).toBe("served");
  await using root = await dial(path);
  expect(await ask(root)).toBe("served");
  expect(await askOnce(path)).toBe("served");
  await control[Symbol.asyncDispose]();
  await until("the user is served again", () => askOnce(path).catch(() => false));
});

test("a connection above the share of all users gets BUSY, and root is served", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const callerOf = usersInTurn(1000, 2000, 3000, 0);
  const connections = { ofUser: 5, ofAll: 2 };
  await using _ = await listenControl("host", path, { ...OPTIONS, connections, callerOf });
  await using first = await dial(path);
  await using second = await dial(path);
  expect([await ask(first), await ask(second)]).toEqual(["served", "served"]);
  expect(await busyMessage(path)).toStartWith("Too many connections of all local users (2 of 2)\nSee them");
  expect(await askOnce(path)).toBe("served");
});

test("the daemon closes a user's tenth idle connection at once, when one is its share", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const options = { connections: { ofUser: 1, ofAll: 5 }, callerOf: usersInTurn(1000), idleMs: 60_000 };
  await using _ = await listenControl("host", path, { ...OPTIONS, ...options });
  const idle: Channel[] = [];
  for (let count = 0; count < 9; count++) idle.push(await dialSocket(path));
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
