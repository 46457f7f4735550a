/** Messages inside a relayed command: both ways, and at a peer without messages. */
import { expect, test } from "bun:test";
import { createNativePeer } from "../../../src/peers/native.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { pipeMessages } from "../../../src/roles/daemon/pipe-messages.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { createServedLink } from "../../support/served-link.ts";
import { until } from "../../support/until.ts";

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "No answer");
const REQUEST = { command: "x", args: [], hasInput: false, timeoutMs: 0 };

/** A caller whose call is passed on to a callee. `takesMessages` is false for a peer of an old dialect. */
function createChain(takesMessages: boolean) {
  const served: IncomingCall[] = [];
  const cancels: string[] = [];
  const far = createServedLink((call) => void served.push(call));
  const near = createServedLink((call) => {
    const remote = executeOn(createNativePeer(far.caller, { explainNoAnswer }), REQUEST);
    pipeMessages(call, { ...remote, takesMessages, cancel: (reason) => void cancels.push(reason) });
  });
  const call = near.caller.call({ method: "execute", params: {} });
  return {
    call,
    served,
    cancels,
    async [Symbol.asyncDispose]() {
      await near[Symbol.asyncDispose]();
      await far[Symbol.asyncDispose]();
    },
  };
}

test("a message of the caller reaches the callee, and one of the callee the caller, in order", async () => {
  await using chain = createChain(true);
  await until("the call is there", () => chain.served.length === 1);
  const atCallee: unknown[] = [];
  const atCaller: unknown[] = [];
  chain.served[0]?.listen((name, value) => atCallee.push([name, value]));
  chain.call.listen((name, value) => atCaller.push([name, value]));
  for (const count of [1, 2, 3]) chain.call.send("signal", { count });
  await until("all have come", () => atCallee.length === 3);
  expect(atCallee).toEqual([1, 2, 3].map((count) => ["signal", { count }]));
  chain.served[0]?.send("exited", { exitCode: 0, signal: null });
  await until("the answer has come", () => atCaller.length === 1);
  expect(atCaller).toEqual([["exited", { exitCode: 0, signal: null }]]);
});

test.each([
  ["SIGINT", ["interrupted by SIGINT"]],
  ["SIGTERM", ["interrupted by SIGTERM"]],
  ["SIGUSR1", []],
  [5, []],
])("at a peer without messages the signal %p gives the cancels %j", async (signal, expected) => {
  await using chain = createChain(false);
  await until("the call is there", () => chain.served.length === 1);
  const atCallee: unknown[] = [];
  chain.served[0]?.listen((name) => atCallee.push(name));
  chain.call.send("signal", { signal });
  chain.call.send("signal", { signal: "SIGTERM" });
  await until("the last one was taken", () => chain.cancels.at(-1) === "interrupted by SIGTERM");
  expect(chain.cancels.slice(0, -1)).toEqual(expected);
  expect(atCallee).toEqual([]);
});
