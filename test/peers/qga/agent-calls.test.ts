/** Requests to a QEMU guest agent, with answers that the test gives. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createAgentCalls } from "../../../src/peers/qga/agent-calls.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { rejectionOf } from "../../support/error-of.ts";

/** The most bytes that one request writes. */
const WRITE_BYTES = 48 * 1024;

/** Requests to an agent that answers so, and the arguments of each request. */
function createScene(answer: (args: JsonObject) => unknown) {
  const asked: JsonObject[] = [];
  const calls = createAgentCalls({
    ask(_, args = {}) {
      asked.push(args);
      return Promise.resolve(answer(args));
    },
  });
  return { asked, calls };
}

function bytesOf({ "buf-b64": base64 }: JsonObject): Buffer {
  return Buffer.from(String(base64), "base64");
}

test("a long file is written in pieces, each from where the agent stopped", async () => {
  const { asked, calls } = createScene((args) => ({ count: Math.min(bytesOf(args).length, 40_000) }));
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await calls.writeFile(7, bytes, new AbortController().signal);
  expect(asked.map((args) => [args["handle"], bytesOf(args).length])).toEqual([
    [7, WRITE_BYTES],
    [7, 20_000],
  ]);
  expect(Buffer.concat(asked.map((args) => bytesOf(args).subarray(0, 40_000)))).toEqual(Buffer.from(bytes));
});

test("a write that is aborted sends no further piece", async () => {
  const control = new AbortController();
  const { asked, calls } = createScene((args) => {
    control.abort(new NegotiatorError("CANCELLED", "enough"));
    return { count: bytesOf(args).length };
  });
  const writing = calls.writeFile(7, new Uint8Array(3 * WRITE_BYTES), control.signal);
  expect(await rejectionOf(writing)).toMatchObject({ code: "CANCELLED", message: "enough" });
  expect(asked).toHaveLength(1);
});

test("an agent that writes nothing of a file is an error, and is not asked again", async () => {
  const { asked, calls } = createScene(() => ({ count: 0 }));
  const writing = calls.writeFile(7, new Uint8Array(10), new AbortController().signal);
  expect((await rejectionOf(writing)).message).toBe("The QEMU guest agent cannot write a file");
  expect(asked).toHaveLength(1);
});

test.each([
  ["of a program that runs", { exited: false }, { isRunning: true }],
  [
    "of a program that has ended",
    { exited: true, exitcode: 3, "out-data": "b3V0", "err-data": "ZXJy" },
    { isRunning: false, exitCode: 3, signal: undefined, output: "out", errors: "err" },
  ],
  [
    "of a program that a signal ended",
    { exited: true, signal: 9 },
    { isRunning: false, exitCode: undefined, signal: 9, output: "", errors: "" },
  ],
])("the state %s is read", async (_, answer, expected) => {
  expect(await createScene(() => answer).calls.state(12)).toEqual<unknown>(expected);
});

test.each([{}, { exited: 1 }, { exited: true, exitcode: 0.5 }, null])(
  "the answer %j to a question for a state is an error",
  async (answer) => {
    const { calls } = createScene(() => answer);
    expect(await rejectionOf(calls.state(12))).toMatchObject({
      code: "BAD_FRAME",
      message: "Cannot read the guest agent's answer to guest-exec-status",
    });
  },
);
