/** The errors of channels. */
import { expect, test } from "bun:test";
import { closedError, explainFailure } from "../../src/channels/failure.ts";
import type { FailureCase } from "../../src/channels/failure.ts";
import { NegotiatorError } from "../../src/errors.ts";

const CASES: Record<string, FailureCase> = {
  EBUSY: { code: "BUSY", condition: "it is in use", remedy: "Wait" },
  EIO: { code: "CLOSED", condition: "the far end is closed" },
};

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: failed`), { code });
}

test("a known errno gives the code, the condition and the remedy of its case", () => {
  const cause = systemError("EBUSY");
  expect(explainFailure("Cannot open x", cause, CASES)).toMatchObject({
    code: "BUSY",
    message: "Cannot open x: it is in use\nWait",
    cause,
  });
  const bare = explainFailure("Cannot read x", systemError("EIO"), CASES);
  expect([bare.code, bare.message]).toEqual(["CLOSED", "Cannot read x: the far end is closed"]);
});

test("an errno without a case is NO_CHANNEL with its name, also one with the name of a method", () => {
  for (const errno of ["ENXIO", "toString"])
    expect(explainFailure("Cannot open x", systemError(errno), CASES)).toMatchObject({
      code: "NO_CHANNEL",
      message: `Cannot open x: ${errno}`,
    });
});

test("an error of ours stays the same, and one without an errno is INTERNAL", () => {
  const ours = new NegotiatorError("DENIED", "no");
  expect(explainFailure("Cannot open x", ours, CASES)).toBe(ours);
  expect(explainFailure("Cannot open x", new Error("odd"), CASES).code).toBe("INTERNAL");
});

test("the error of a closed channel shows its label without control characters, and keeps the cause", () => {
  const cause = systemError("EPIPE");
  expect(closedError("/run/\x1bx", cause)).toMatchObject({
    code: "CLOSED",
    message: 'Cannot write to "/run/\\x1bx": the channel is closed',
    cause,
  });
});
