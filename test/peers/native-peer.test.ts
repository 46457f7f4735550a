/** A native peer over a session: a call whose result is not read. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { cancelOnAbort, createNativePeer } from "../../src/peers/native.ts";
import { createSession } from "../../src/wire/session/session.ts";
import { describeAgent, makeId } from "../../src/roles/identity.ts";
import { rejectionOf } from "../support/error-of.ts";
import { waitTurns } from "../support/event-loop.ts";

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "no answer");

test("a failed call whose caller reads only a stream leaves no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const count = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", count);
  try {
    const session = createSession({
      side: "dialler",
      agent: describeAgent("host"),
      makeId,
      onCall: () => undefined,
      onOutput: () => undefined,
    });
    const call = createNativePeer(session, { explainNoAnswer }).call(
      "m",
      {},
      { timeoutMs: 0, read: ["stdout"] },
    );
    session.close("test");
    const reading = call.reader("stdout")[Symbol.asyncIterator]().next();
    expect((await rejectionOf(reading)).code).toBe("CLOSED");
    await waitTurns(5);
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", count);
  }
});

test("an abort cancels a call with its reason, and does nothing after the result", async () => {
  const reasons: string[] = [];
  const [running, ended] = [new AbortController(), new AbortController()];
  const result = Promise.withResolvers<void>();
  cancelOnAbort(running.signal, result.promise, (reason) => void reasons.push(`running: ${reason}`));
  cancelOnAbort(ended.signal, Promise.reject(explainNoAnswer()), (reason) => void reasons.push(reason));
  await waitTurns(2);
  running.abort(new NegotiatorError("CANCELLED", "enough"));
  ended.abort(new NegotiatorError("CANCELLED", "too late"));
  expect(reasons).toEqual(["running: enough"]);
});
