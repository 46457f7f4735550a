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
  [undefined, "result"],
  [null, "result"],
  ["ok", "result"],
  [[], "exitCode"],
  [{}, "exitCode"],
  [{ ...RESULT, exitCode: "0" }, "exitCode"],
  [{ ...RESULT, exitCode: -1 }, "exitCode"],
  [{ ...RESULT, exitCode: 256 }, "exitCode"],
  [{ ...RESULT, exitCode: 1.5 }, "exitCode"],
  [{ ...RESULT, exitCode: true }, "exitCode"],
  [{ ...RESULT, signal: 9 }, "signal"],
  [{ ...RESULT, endedBy: null }, "endedBy"],
  [{ ...RESULT, endedBy: "nobody" }, "endedBy"],
  [{ ...RESULT, durationMs: "1" }, "durationMs"],
  [{ ...RESULT, inputBytes: -1 }, "inputBytes"],
  [{ ...RESULT, exitCode: null }, "neither an exit code nor a signal"],
  [{ ...RESULT, exitCode: null, endedBy: "cancel" }, "neither an exit code nor a signal"],
  [{ ...RESULT, signal: "SIGTERM" }, 'the exit code 0 and the signal "SIGTERM"'],
  [{ ...RESULT, exitCode: 1, signal: "SIGKILL", endedBy: "deadline" }, "the exit code 1 and the signal"],
  [{ ...RESULT, exitCode: null, signal: "SIGNONSENSE" }, 'the unknown signal "SIGNONSENSE"'],
  [{ ...RESULT, exitCode: null, signal: "" }, 'the unknown signal ""'],
  [{ ...RESULT, exitCode: null, signal: "toString" }, 'the unknown signal "toString"'],
  [{ ...RESULT, exitCode: null, signal: "SIG0" }, 'the unknown signal "SIG0"'],
  [{ ...RESULT, exitCode: null, signal: "SIG65" }, 'the unknown signal "SIG65"'],
  [{ ...RESULT, exitCode: null, signal: "sigterm" }, 'the unknown signal "sigterm"'],
  [{ ...RESULT, exitCode: null, signal: "\u001b[31m\n" }, 'the unknown signal "\\x1b[31m\\n"'],
])("the invalid execute result %j is rejected as UNKNOWN_OUTCOME", async (result, words) => {
  await using link = createServedLink((call) => call.respond(result));
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  const { ended } = executeOn(peer, { command: "x", args: [], hasInput: false, timeoutMs: 0 });
  const error = await rejectionOf(ended);
  expect(error.code).toBe("UNKNOWN_OUTCOME");
  expect(error.message).toStartWith("Cannot tell how the command ended: ");
  expect(error.message).toContain(words);
  expect(error.message.split("\n")).toHaveLength(2);
});

test.each<Partial<ExecuteResult>>([
  { exitCode: 255 },
  { exitCode: null, signal: "SIGKILL" },
  { exitCode: null, signal: "SIG34" },
  { exitCode: null, signal: "SIG64", endedBy: "cancel" },
  { exitCode: null, endedBy: "deadline" },
  { exitCode: null, endedBy: "limit" },
  { exitCode: 3, endedBy: "deadline", inputBytes: 5 },
])("the execute result with %j is accepted", async (changes) => {
  const result = { ...RESULT, ...changes };
  await using link = createServedLink((call) => call.respond(result));
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  const { ended } = executeOn(peer, { command: "x", args: [], hasInput: false, timeoutMs: 0 });
  expect(await ended).toEqual(result);
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
