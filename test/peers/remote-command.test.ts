/** Commands at a native peer: the requests sent, and the results accepted. */
import { executeOn, listCommandsOf } from "../../src/peers/remote-command.ts";
import { createNativePeer } from "../../src/peers/native.ts";
import { expect, test } from "bun:test";
import type { ExecuteResult } from "../../src/methods/execute-schemas.ts";
import { NegotiatorError } from "../../src/errors.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createServedLink } from "../support/served-link.ts";

const RESULT: ExecuteResult = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };
const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "never sent");

test("executeOn sends command, arguments, extra parameters, deadline and streams", async () => {
  const calls: IncomingCall[] = [];
  await using link = createServedLink((call) => {
    calls.push(call);
    call.respond(RESULT);
  });
  const peer = createNativePeer(link.caller, { extra: { guest: "web1" }, explainNoAnswer });
  const request = { command: "ls", args: ["-l"], timeoutMs: 0 };
  const quiet = executeOn(peer, { ...request, hasInput: false });
  expect(quiet.stdin).toBeUndefined();
  expect(await quiet.ended).toEqual(RESULT);
  const fed = executeOn(peer, { ...request, hasInput: true, id: "mine", timeoutMs: 5000 });
  expect(fed.stdin).toBeDefined();
  await fed.ended;
  expect(fed.isSent).toBe(true);
  const params = { guest: "web1", command: "ls", args: ["-l"] };
  expect(calls).toMatchObject([
    { method: "execute", params, timeoutMs: undefined, streams: { read: [], written: ["stdout", "stderr"] } },
    { id: "mine", method: "execute", params, timeoutMs: 5000, streams: { read: ["stdin"] } },
  ]);
});

test.each([
  [undefined],
  [null],
  ["ok"],
  [{}],
  [{ ...RESULT, exitCode: "0" }],
  [{ ...RESULT, signal: 9 }],
  [{ ...RESULT, endedBy: null }],
  [{ ...RESULT, endedBy: "nobody" }],
])("the invalid execute result %j is rejected as BAD_REQUEST", async (result) => {
  await using link = createServedLink((call) => call.respond(result));
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  const { ended } = executeOn(peer, { command: "x", args: [], hasInput: false, timeoutMs: 0 });
  const error = await rejectionOf(ended);
  expect(error.code).toBe("BAD_REQUEST");
  expect(error.message).toStartWith("Cannot understand the other side's answer: ");
});

test("an unknown member in the result of a newer peer is ignored", async () => {
  await using link = createServedLink((call) => call.respond({ ...RESULT, cores: 8 }));
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  const { ended } = executeOn(peer, { command: "x", args: [], hasInput: false, timeoutMs: 0 });
  expect(await ended).toEqual(RESULT);
});

test("listCommandsOf returns a valid list, and names the invalid member of another", async () => {
  const command = { name: "ls", kind: "user" } as const;
  await using good = createServedLink((call) => call.respond({ commands: [command] }));
  expect(
    await listCommandsOf(createNativePeer(good.caller, { explainNoAnswer }), { timeoutMs: 5000 }),
  ).toEqual([command]);
  await using bad = createServedLink((call) => call.respond({ commands: [command, { name: 1, kind: "?" }] }));
  const error = await rejectionOf(
    listCommandsOf(createNativePeer(bad.caller, { explainNoAnswer }), { timeoutMs: 0 }),
  );
  expect(error.message).toContain('its member "commands.1.name" is missing or invalid');
});
