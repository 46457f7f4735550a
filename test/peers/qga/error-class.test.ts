/** Errors from and for the QEMU guest agent's protocol. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { readAgentError } from "../../../src/peers/qga/agent-error.ts";
import { toAgentError } from "../../../src/peers/qga/error-class.ts";

test.each([
  ["UNKNOWN_METHOD", "CommandNotFound", "The command guest-x has not been found"],
  ["DENIED", "CommandNotFound", "Command guest-x has been disabled: the command is not allowed (why)"],
  ["INTERNAL", "GenericError", "why"],
] as const)("the error %s is of the class %s for a client", (code, kind, desc) => {
  expect(toAgentError(new NegotiatorError(code, "why"), "guest-x")).toEqual({ class: kind, desc });
});

test("the reason of an agent is cut after 300 characters, and a frozen one wins over its class", () => {
  const long = readAgentError("guest-x", { class: "GenericError", desc: "x".repeat(500) });
  expect(long.code).toBe("INTERNAL");
  expect(long.message.length).toBeGreaterThan(330);
  expect(long.message.length).toBeLessThan(390);
  expect(readAgentError("guest-x", { class: "GenericError", desc: "it is frozen" })).toMatchObject({
    code: "BUSY",
    message:
      "The QEMU guest agent refuses guest-x: it is frozen\nThaw its file systems first: virsh domfsthaw",
  });
});
