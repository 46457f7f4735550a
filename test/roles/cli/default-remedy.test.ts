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

test("a denial names the check with the arguments of the call, and their place if they are long", () => {
  const denial = new NegotiatorError("DENIED", "It is denied");
  const check = (args: string[]): string =>
    addRemedy(denial, "host", { guest: "web1", command: "backup", args }).message;
  expect(check(["--full", "/srv/my data"])).toEndWith("check-policy backup --full '/srv/my data'");
  expect(check(["x".repeat(300)])).toEndWith("check-policy backup ARG...");
});

test.each(["DENIED", "NO_COMMAND"] as const)(
  "%s in a guest names the line without the guest's name, if the next word can be a command",
  (code) => {
    const error = new NegotiatorError(code, "It failed");
    const explained = (role: "host" | "guest", args: string[]): string =>
      addRemedy(error, role, { command: "web1", args }).message;
    const right =
      'Leave out the guest\'s name, if "web1" is one: negotiator guest execute request-backup --full';
    expect(explained("guest", ["request-backup", "--full"])).toContain(`\n${right}`);
    expect(explained("guest", ["--full"])).not.toContain("Leave out");
    expect(explained("guest", [])).not.toContain("Leave out");
    expect(explained("host", ["request-backup"])).not.toContain("Leave out");
  },
);
