/** A message with very many values is read only if a call of this side waits for an answer. */
import { expect, test } from "bun:test";
import { UNASKED_MARKS } from "../../../src/limits.ts";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";

const VALUES = Array.from({ length: UNASKED_MARKS }, () => "y");
const TOO_MANY = expect.stringContaining(`more than ${UNASKED_MARKS} values`);

test("a request with too many values is refused by its id, and the session goes on", () => {
  const peer = createOpenListener();
  peer.count({ id: "large", method: "x", params: VALUES });
  peer.count({ id: "small", method: "x", params: VALUES.slice(100) });
  expect(peer.calls.map(({ id }) => id)).toEqual(["small"]);
  expect(peer.session.state).toBe("open");
  expect(peer.drain()).toContainEqual(
    expect.objectContaining({ id: "large", error: expect.objectContaining({ message: TOO_MANY }) }),
  );
});

test.each([
  ["a notice", { method: "x", params: VALUES }],
  ["an answer to nothing", { id: "none", result: VALUES }],
])("%s with too many values is invalid, and the next message is read", (_, members) => {
  const peer = createOpenListener();
  peer.count(members);
  peer.count({ id: "next", method: "x", params: {} });
  expect(peer.notices).toEqual([]);
  expect(peer.calls.map(({ id }) => id)).toEqual(["next"]);
  expect(peer.session.traffic.unneeded).toBeGreaterThan(0);
});

test("a message with too many values and without a number is invalid", () => {
  const peer = createOpenListener();
  peer.say({ method: "session.later", params: VALUES });
  expect(peer.drain()).toContainEqual(
    expect.objectContaining({ id: null, error: expect.objectContaining({ message: TOO_MANY }) }),
  );
});

test("a message with too many values whose number is not in its first members cuts the session", () => {
  const peer = createOpenListener();
  peer.say({ params: VALUES, method: "x", seq: 1 });
  expect(peer.session.state).toBe("cut");
});

test("the answer to a call that waits may have more values", async () => {
  const peer = createOpenDialler();
  const { answer } = peer.session.call({ id: "asked", method: "x", params: {} });
  peer.drain();
  peer.count({ id: "asked", result: VALUES });
  expect(await answer).toMatchObject({ result: VALUES });
});
