/** Whether a call that another side answers counts as started. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import type { FaultCode } from "../../src/errors.ts";
import { noteStart } from "../../src/roles/start-note.ts";

/** The number of starts that are noted for a call that ends so. */
async function startsOf(isSent: boolean, wait: () => Promise<unknown>): Promise<number> {
  let starts = 0;
  const begin = async (): Promise<void> => void starts++;
  await noteStart({ isSent }, begin, wait).catch(() => undefined);
  return starts;
}

function failing(code: FaultCode): () => Promise<never> {
  return () => Promise.reject(new NegotiatorError(code, "no"));
}

test.each<[number, string, boolean, () => Promise<unknown>]>([
  [1, "with a result", true, () => Promise.resolve({ exitCode: 0 })],
  [1, "whose outcome is unknown", true, failing("UNKNOWN_OUTCOME")],
  [1, "whose deadline passed", true, failing("TIMEOUT")],
  [1, "that was cancelled", true, failing("CANCELLED")],
  [1, "that ended with an unknown error", true, () => Promise.reject(new Error("bug"))],
  [0, "that the other side denied", true, failing("DENIED")],
  [0, "of an unknown command", true, failing("NO_COMMAND")],
  [0, "that was not sent", false, failing("TIMEOUT")],
])("%i starts are noted of a call %s", async (starts, _, isSent, wait) => {
  expect(await startsOf(isSent, wait)).toBe(starts);
});

async function noBegin(): Promise<void> {}

test("a call resolves and rejects as it ends", async () => {
  expect(await noteStart({ isSent: true }, noBegin, () => Promise.resolve(7))).toBe(7);
  const denied = noteStart({ isSent: true }, noBegin, failing("DENIED"));
  expect(await denied.catch((thrown: unknown) => NegotiatorError.from(thrown).code)).toBe("DENIED");
});
