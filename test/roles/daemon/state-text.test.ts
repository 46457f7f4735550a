import { expect, test } from "bun:test";
import { decodeState, encodeState } from "../../../src/roles/daemon/state-text.ts";

test("plain data and bytes survive the state file, also data that look like its own form", () => {
  const state = {
    bytes: Uint8Array.of(0, 1, 255),
    none: null,
    list: [
      Buffer.from("text"),
      { state: null, bytes: [[["state"], "AAEC"]] },
      [[Buffer.from("deep")], [], {}],
    ],
  };
  expect(decodeState(encodeState(state))).toEqual({ ...state, bytes: Buffer.from(state.bytes) });
});

test("a member that a peer calls __proto__ stays a member, also with bytes in it", () => {
  const deep: unknown = JSON.parse('{"__proto__":{"__proto__":null}}');
  Object.defineProperty(Reflect.get(Object(deep), "__proto__"), "__proto__", {
    value: Buffer.from("x"),
    enumerable: true,
  });
  const state = { list: [JSON.parse('{"__proto__":1}'), deep], bytes: Buffer.from("y") };
  expect(JSON.stringify(decodeState(encodeState(state)))).toBe(JSON.stringify(state));
});

test("a state without a place of its bytes is refused", () => {
  expect(() => decodeState('{"state":{},"bytes":[[["state","lost","queued"],"AA=="]]}')).toThrow(
    "state.lost.queued",
  );
  expect(() => decodeState('{"state":{}}')).toThrow();
});
