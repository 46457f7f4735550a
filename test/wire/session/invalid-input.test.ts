/** The count of a peer's invalid input. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createInvalidInput } from "../../../src/wire/session/invalid-input.ts";

const FAULT = new NegotiatorError("BAD_FRAME", "odd");

/** Returns a count with a limit of two, and its calls. */
function createSample() {
  const calls: string[] = [];
  const input = createInvalidInput({
    limit: 2,
    onInvalid: ({ message }) => void calls.push(message),
    onTooMuch: ({ code, message }) => void calls.push(`${code}: ${message}`),
  });
  const add = (times: number): void => {
    for (let time = 0; time < times; time++) input.add(FAULT);
  };
  return { input, calls, add };
}

const TOO_MUCH = "BAD_FRAME: The peer sent too many invalid messages";

test("invalid input up to the limit is answered, and the next one ends the listening once", () => {
  const { input, calls, add } = createSample();
  add(2);
  expect(input.isTooMuch).toBe(false);
  add(3);
  expect(input.isTooMuch).toBe(true);
  expect(calls).toEqual(["odd", "odd", TOO_MUCH]);
});

test("clearCount begins at zero, and a peer with too much invalid input stays ignored", () => {
  const { input, calls, add } = createSample();
  add(2);
  input.clearCount();
  add(2);
  expect(calls).toEqual(["odd", "odd", "odd", "odd"]);
  add(1);
  input.clearCount();
  expect(input.isTooMuch).toBe(true);
});

test("after reset, input of the peer is answered again, up to the whole limit", () => {
  const { input, calls, add } = createSample();
  add(3);
  input.reset();
  expect(input.isTooMuch).toBe(false);
  add(3);
  expect(calls).toEqual(["odd", "odd", TOO_MUCH, "odd", "odd", TOO_MUCH]);
});
