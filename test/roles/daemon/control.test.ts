/** The daemon's end of the control socket: who stays connected, and who is turned away. */
import { expect, test } from "bun:test";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { dialControl, listenControl } from "../../../src/roles/daemon/control.ts";
import type { ControlOptions } from "../../../src/roles/daemon/control.ts";
import type { CliSession } from "../../../src/roles/cli/cli-session.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const OPTIONS: ControlOptions = { limits: DEFAULT_LIMITS, onCall: (call) => call.respond("served") };

async function dial(path: string): Promise<CliSession> {
  const control = await dialControl("host", path);
  if (control === undefined) throw new Error("No daemon is there");
  return control;
}

async function ask({ session }: CliSession): Promise<unknown> {
  return (await session.call({ method: "status" }).answer).result;
}

async function askAnew(path: string): Promise<unknown> {
  await using control = await dial(path);
  return await ask(control);
}

/** Resolves when the other side has hung up. */
async function hungUp(channel: Channel): Promise<void> {
  for await (const _ of channel);
}

test("a connection without a conversation is ended, one with a conversation stays", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, speechlessMs: 500 });
  // A machine that stands still for so long ends a connection that was about to say hello.
  await using control = await until("a conversation is open", async () => {
    const begun = await dial(path);
    return ask(begun).then(
      () => begun,
      () => undefined,
    );
  });
  await hungUp(await dialSocket(path));
  const babbler = await dialSocket(path);
  await babbler.write(Buffer.from('{"jsonrpc":"2.0","method":"x"}\n'));
  await hungUp(babbler);
  expect(await ask(control)).toBe("served");
});

test("one connection too many is told so, and served when another has ended", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, most: 1 });
  const control = await dial(path);
  expect(await ask(control)).toBe("served");
  expect(await rejectionOf(askAnew(path))).toMatchObject({
    code: "BUSY",
    message: expect.stringContaining("The daemon serves as many local connections as it may at once"),
  });
  await control[Symbol.asyncDispose]();
  await until("there is room again", () => askAnew(path).catch(() => false));
});

test("a crowd that says nothing is not let in without end", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenControl("host", path, { ...OPTIONS, most: 1, speechlessMs: 60_000 });
  const crowd: Channel[] = [];
  for (let count = 0; count < 33; count++) crowd.push(await dialSocket(path));
  await hungUp(await dialSocket(path));
  await crowd[0]?.close();
  await until("there is room again", () => askAnew(path).catch(() => false));
  for (const channel of crowd) await channel.close();
});
