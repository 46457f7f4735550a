import { expect, test } from "bun:test";
import { decodeState, encodeState } from "../../../src/roles/daemon/state-text.ts";

test("plain data and bytes survive the state file, also data that look like its own form", () => {
  const state = {
    bytes: Uint8Array.of(0, 1, 255),
    none: null,
    list: [
      Buffer.from("text"),
      { $bytes: "AAEC" },
      { $entries: [["$bytes", "x"]] },
      { $bytes: "x", more: 1 },
    ],
  };
  expect(decodeState(encodeState(state))).toEqual({ ...state, bytes: Buffer.from(state.bytes) });
});

test("a member that a peer calls __proto__ stays a member, also with bytes in it", () => {
  const deep: unknown = JSON.parse('{"__proto__":{"$bytes":"x"}}');
  const state = { list: [JSON.parse('{"__proto__":1}'), deep], bytes: Buffer.from("y") };
  expect(JSON.stringify(decodeState(encodeState(state)))).toBe(JSON.stringify(state));
});
