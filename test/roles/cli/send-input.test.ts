/** Sends of our input: what is given back for each end of a call, and a read that does not end. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { FaultCode } from "../../../src/errors.ts";
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";
import type { InputSource } from "../../../src/process/input-source.ts";
import { sendInput } from "../../../src/roles/cli/send-input.ts";
import { until } from "../../support/until.ts";

const RESULT: ExecuteResult = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };
/** A source gives 100 bytes at once, and a writer takes 60 of them. */
const READ_BYTES = 100;
const SENT_BYTES = 60;

type End = ExecuteResult | NegotiatorError | undefined;

/** Sends 100 bytes, of which 60 went out when the call ended with `end`. */
async function sendPart(end: End): Promise<number[]> {
  const given: number[] = [];
  const pieces = [new Uint8Array(READ_BYTES)];
  const source: InputSource = {
    read: async () => pieces.pop(),
    close: () => undefined,
    giveBack: (bytes) => void given.push(bytes),
  };
  const { promise: written, reject: refuse } = Promise.withResolvers<void>();
  let isWritten = false;
  const stdin = {
    write: () => {
      isWritten = true;
      return written;
    },
    end: () => undefined,
    sentBytes: SENT_BYTES,
    stopped: new AbortController().signal,
  };
  const input = sendInput(
    stdin,
    () => undefined,
    () => source,
  );
  await until("the bytes are written", () => isWritten);
  refuse(new Error("the call has ended"));
  expect(await input.stop(end)).toBe(true);
  return given;
}

const failed = (code: FaultCode, data?: unknown): NegotiatorError =>
  new NegotiatorError(code, "failed", { data });

test.each<[string, End, number]>([
  ["whose end is unknown", undefined, 40],
  ["whose side counts no input", RESULT, 40],
  ["whose command took 10 bytes", { ...RESULT, inputBytes: 10 }, 90],
  ["whose command took nothing", { ...RESULT, inputBytes: 0 }, 100],
  ["whose side claims more than it got", { ...RESULT, inputBytes: 1000 }, 40],
  ["that was denied", failed("DENIED"), 100],
  ["of an unknown command", failed("NO_COMMAND"), 100],
  ["of an unknown guest", failed("NO_GUEST"), 100],
  ["that was lost", failed("UNKNOWN_OUTCOME"), 40],
  ["whose deadline passed", failed("TIMEOUT"), 40],
  ["that was lost after the relay sent 20 bytes", failed("UNKNOWN_OUTCOME", { inputBytes: 20 }), 80],
  ["whose guest was never reached", failed("TIMEOUT", { inputBytes: 0 }), 100],
  ["with other data", failed("TIMEOUT", { inputBytes: "20" }), 40],
])("a call %s gets the bytes back that did not go to the command", async (_, end, bytes) => {
  expect(await sendPart(end)).toEqual([bytes]);
});

test("a read that does not end keeps neither us nor the lock of the file's offset", async () => {
  const given: number[] = [];
  const source: InputSource = {
    read: () => new Promise<never>(() => undefined),
    close: () => undefined,
    giveBack: (bytes) => void given.push(bytes),
  };
  const stdin = {
    write: () => Promise.resolve(),
    end: () => undefined,
    sentBytes: 0,
    stopped: new AbortController().signal,
  };
  const input = sendInput(
    stdin,
    () => undefined,
    () => source,
  );
  expect(await input.stop(RESULT)).toBe(false);
  expect(given).toEqual([]);
});
