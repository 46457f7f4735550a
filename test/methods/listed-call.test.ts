/** The list of calls that a peer sends: its bounds, because it ends in a table on a terminal. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { CallListSchema } from "../../src/methods/listed-call.ts";

const CALL = { id: "a", method: "execute", state: "running", isDetached: true, startedMs: 1 } as const;
const LONG = "x".repeat(257);

test("a list of calls is read, with as many calls as a peer can have", () => {
  const calls = Array.from({ length: 1200 }, () => ({ ...CALL, command: "x".repeat(256) }));
  expect(v.parse(CallListSchema, { calls })).toEqual({ calls });
});

test.each<[string, object]>([
  ["one call too many", { calls: Array.from({ length: 1201 }, () => CALL) }],
  ["a long id", { calls: [{ ...CALL, id: LONG }] }],
  ["a long command", { calls: [{ ...CALL, command: LONG }] }],
  ["a long name of a user", { calls: [{ ...CALL, caller: { name: LONG } }] }],
  ["a state of another version", { calls: [{ ...CALL, state: "gone" }] }],
])("a list with %s is not one", (_, list) => {
  expect(v.safeParse(CallListSchema, list).success).toBe(false);
});
