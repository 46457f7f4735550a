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
  const state: unknown = JSON.parse('{"__proto__":{"plain":1},"deep":{"__proto__":{"$bytes":"x"}}}');
  Object.assign(state as object, { bytes: Buffer.from("y") });
  const decoded = decodeState(encodeState(state)) as { deep: object };
  expect(Object.hasOwn(decoded, "__proto__")).toBe(true);
  expect(Object.entries(decoded.deep)).toEqual([["__proto__", { $bytes: "x" }]]);
});
