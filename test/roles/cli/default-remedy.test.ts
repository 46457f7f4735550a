/** The remedies of errors that have none. */
import { expect, test } from "bun:test";
import { FAULTS, isFaultCode, NegotiatorError } from "../../../src/errors.ts";
import { addRemedy } from "../../../src/roles/cli/default-remedy.ts";

const CODES = Object.keys(FAULTS).filter(isFaultCode);

test.each(CODES)("an error %s without a remedy gets one, and keeps code, data and cause", (code) => {
  const cause = new Error("why");
  for (const role of ["host", "guest"] as const) {
    const error = addRemedy(new NegotiatorError(code, "It failed", { data: 1, cause }), role);
    expect(error).toMatchObject({ code, data: 1, cause });
    expect(error.message).toMatch(/^It failed\n[A-Z][a-z]+,? [^\n]+(?:\n[A-Z][a-z]+ [^\n]+)?$/);
  }
});

test("an error with a remedy stays as it is", () => {
  const error = new NegotiatorError("BUSY", "It failed", { remedy: "Wait" });
  expect(addRemedy(error, "host")).toBe(error);
});

test("a denial names the check on the side that denies", () => {
  const denial = new NegotiatorError("DENIED", "The guest denies it");
  expect(addRemedy(denial, "host").message).toContain("negotiator guest check-policy COMMAND");
  expect(addRemedy(denial, "guest").message).toContain("negotiator host check-policy GUEST COMMAND");
});
