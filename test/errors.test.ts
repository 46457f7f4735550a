/** The error class and the table of its codes. */
import { describe, expect, test } from "bun:test";
import { errnoOf, FAULTS, isFaultCode, NegotiatorError } from "../src/errors.ts";

describe("the table of error codes", () => {
  const faults = Object.entries(FAULTS);

  test("every code has its own JSON-RPC code, in the ranges that the specification allows", () => {
    const codes = faults.map(([, fault]) => fault.rpcCode);
    expect(new Set(codes).size).toBe(codes.length);
    const standard = new Set<number>([-32700, -32600, -32601, -32602, -32603]);
    const strange = codes.filter((code) => !standard.has(code) && (code < -32099 || code > -32000));
    expect(strange).toEqual([]);
  });

  test("exit codes are 2, 124, 125, 126 and 127, and never 0", () => {
    const used = new Set<number>(faults.map(([, fault]) => fault.exitCode));
    expect([...used].sort((one, other) => one - other)).toEqual([2, 124, 125, 126, 127]);
    expect(FAULTS.TIMEOUT.exitCode).toBe(124);
    expect(FAULTS.DENIED.exitCode).toBe(126);
    expect(FAULTS.NO_COMMAND.exitCode).toBe(127);
    expect(FAULTS.BAD_USAGE.exitCode).toBe(2);
  });
});

test("an error has code, data and cause, and its remedy is the second line of the message", () => {
  const cause = new Error("below");
  const error = new NegotiatorError("BUSY", "Cannot open", { remedy: "Close it", data: [1], cause });
  expect(error).toMatchObject({ name: "NegotiatorError", code: "BUSY", data: [1] });
  expect(error.message).toBe("Cannot open\nClose it");
  expect(error.cause).toBe(cause);
  expect(new NegotiatorError("BUSY", "Cannot open").message).toBe("Cannot open");
});

describe("NegotiatorError.from", () => {
  test("a NegotiatorError is returned unchanged", () => {
    const error = new NegotiatorError("DENIED", "no");
    expect(NegotiatorError.from(error)).toBe(error);
  });

  test("another error becomes INTERNAL, with its message and itself as the cause", () => {
    const cause = new TypeError("x is not a function");
    const error = NegotiatorError.from(cause);
    expect(error).toMatchObject({ code: "INTERNAL", message: "x is not a function" });
    expect(error.cause).toBe(cause);
  });

  test.each([
    ["a string", "text", "text"],
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a number", 7, "7"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["an object without a prototype", Object.create(null), "[object Object]"],
    [
      "an object whose toString throws",
      {
        toString: () => {
          throw new Error("no");
        },
      },
      "[object Object]",
    ],
  ])("%s that was thrown becomes INTERNAL", (_, thrown, message) => {
    const error = NegotiatorError.from(thrown);
    expect(error).toMatchObject({ code: "INTERNAL", message });
    expect(error.cause).toBe(thrown);
  });
});

test.each([
  ["TIMEOUT", true],
  ["INTERNAL", true],
  ["timeout", false],
  ["", false],
  ["constructor", false],
  ["__proto__", false],
  ["toString", false],
  [undefined, false],
  [["TIMEOUT"], false],
])("isFaultCode(%j) returns %p", (value, isCode) => {
  expect(isFaultCode(value)).toBe(isCode);
});

test.each([
  ["a system error", Object.assign(new Error("x"), { code: "ENOENT" }), "ENOENT"],
  ["an object with a code", { code: "EBUSY" }, "EBUSY"],
  ["an object whose code is a number", { code: 5 }, undefined],
  ["any other error", new Error("x"), undefined],
  ["a string", "ENOENT", undefined],
  ["null", null, undefined],
  ["undefined", undefined, undefined],
])("errnoOf(%s) returns the text of its code, else undefined", (_, thrown, errno) => {
  expect(errnoOf(thrown)).toBe(errno);
});
