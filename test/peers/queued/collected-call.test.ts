/** An incoming call whose input comes in one piece and whose output is collected. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createCollectedCall } from "../../../src/peers/queued/collected-call.ts";
import type { CollectedCallOptions } from "../../../src/peers/queued/collected-call.ts";
import { collect } from "../../support/collect.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";

const TOO_LARGE = new NegotiatorError("TOO_LARGE", "too much");

/** A call that takes up to five bytes, and these bytes. */
function createScene(changes: Partial<CollectedCallOptions> = {}) {
  const taken: string[] = [];
  const { signal } = new AbortController();
  const take = (bytes: Uint8Array): void => {
    if (bytes.length > 5) throw TOO_LARGE;
    taken.push(Buffer.from(bytes).toString());
  };
  const options = { id: "c1", method: "execute", params: { a: 1 }, input: null, signal, take, ...changes };
  return { taken, signal, ...createCollectedCall(options) };
}

test("the method gets the call without a deadline, and with stdin only if there is input", async () => {
  const { call, signal } = createScene();
  expect(call).toMatchObject({
    id: "c1",
    method: "execute",
    params: { a: 1 },
    timeoutMs: undefined,
    isDetached: false,
    streams: { read: [], written: ["stdout"] },
  });
  expect(call.signal).toBe(signal);
  expect(call.listCalls()).toEqual([]);
  const fed = createScene({ input: "äb" }).call;
  expect(fed.streams.read).toEqual(["stdin"]);
  expect((await collect(fed.reader("stdin"))).toString()).toBe("äb");
  expect(createScene({ input: "" }).call.streams.read).toEqual(["stdin"]);
});

test("output is taken piece by piece, and then comes the result", async () => {
  const { call, ended, taken } = createScene();
  const output = call.writer("stdout");
  await output.write(Buffer.from("one"));
  await output.write(Buffer.from("two"));
  output.end();
  call.respond({ exitCode: 0 });
  expect([taken, await ended]).toEqual([["one", "two"], { result: { exitCode: 0 } }]);
});

test("a call that fails ends with its error, and the first end counts", async () => {
  const { call, ended } = createScene();
  const error = new NegotiatorError("NO_COMMAND", "none");
  call.fail(error);
  call.respond("late");
  expect(await ended).toEqual({ error });
});

test("output that is refused breaks the pipe, and its error ends the call", async () => {
  const { call, ended } = createScene();
  const refused = call.writer("stdout").write(Buffer.from("too long"));
  expect(await rejectionOf(refused)).toBe(TOO_LARGE);
  call.respond({ exitCode: 0 });
  expect(await ended).toEqual({ error: TOO_LARGE });
  const failing = createScene();
  await rejectionOf(failing.call.writer("stdout").write(Buffer.from("too long")));
  failing.call.fail(new NegotiatorError("CLOSED", "broken pipe"));
  expect(await failing.ended).toEqual({ error: TOO_LARGE });
});

test("a stream of such a call cannot begin later than at its first byte", () => {
  expect(errorOf(() => createScene().call.beginAt("stdout", 5))).toMatchObject({
    code: "UNSUPPORTED",
    message: 'The stream "stdout" of this caller begins at its first byte',
  });
});
