/** The messages of python-negotiator 0.1, and what they mean for our hello. */
import { describe, expect, test } from "bun:test";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import { OLDEST } from "../../../src/peers/oldest/oldest.ts";
import { readOldestMessage } from "../../../src/peers/oldest/envelope.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { helloMethod } from "../../../src/wire/session/handshake.ts";
import { errorOf } from "../../support/error-of.ts";

const NONCE = "nonce-1";
const HELLO = helloMethod(NONCE);

describe("readOldestMessage", () => {
  test.each<[string, JsonObject, object]>([
    [
      "a request",
      { command: "execute", arguments: ["ls"], keyword_arguments: { capture: true } },
      { kind: "request", command: "execute", args: ["ls"], kw: { capture: true } },
    ],
    ["a request without arguments", { command: "x" }, { kind: "request", command: "x", args: [], kw: {} }],
    ["a result", { success: true, result: ["a"] }, { kind: "result", result: ["a"] }],
    ["a success without a result", { success: true }, { kind: "result", result: null }],
    ["a failure", { success: false, error: "no" }, { kind: "failure", text: "no" }],
    [
      "an error that is not text",
      { success: false, error: { a: [1] } },
      { kind: "failure", text: "an error that is not text" },
    ],
  ])("%s is read", (_, object, message) => {
    expect(readOldestMessage(object)).toEqual(Object(message));
  });

  test.each<[string, JsonObject]>([
    ["no command", { arguments: [] }],
    ["a command that is a number", { command: 1 }],
    ["success that is a number", { success: 1, result: "x" }],
    ["a request of python-negotiator 0.5", { method: "execute", args: [], kw: {} }],
  ])("%s is BAD_FRAME", (_, object) => {
    expect(errorOf(() => readOldestMessage(object)).code).toBe("BAD_FRAME");
    expect(OLDEST.recognises(object)).toBe(false);
  });
});

/** The names of the python-negotiator dialects that recognise the object. */
function recognisers(object: JsonObject): string[] {
  return [LEGACY, OLDEST].filter((dialect) => dialect.recognises(object)).map(({ name }) => name);
}

test("neither dialect of python-negotiator recognises the other's requests, or a native message", () => {
  const later = { method: "execute", args: ["x"], kw: {} };
  const first = { command: "execute", arguments: ["x"], keyword_arguments: {} };
  const hello = { jsonrpc: "2.0", id: NONCE, method: HELLO, command: HELLO, success: true, result: HELLO };
  expect([later, first, hello].map(recognisers)).toEqual([["legacy"], ["legacy-0.1"], []]);
});

describe("readHelloAnswer", () => {
  const report = { command: "send", arguments: [{ success: false, error: "old" }], keyword_arguments: {} };

  test.each<[string, JsonObject]>([
    ["our hello, turned back", { command: HELLO, arguments: [], keyword_arguments: {} }],
    ["a failure that was meant for an earlier caller", report],
  ])("%s gets a response that is a request too", (_, object) => {
    const answer = OLDEST.readHelloAnswer(object, NONCE);
    const bytes = answer?.kind === "reply" ? answer.bytes : new Uint8Array(0);
    const text = new TextDecoder().decode(bytes);
    const [count, body = ""] = text.split("\n");
    expect(Number(count)).toBe(body.length);
    expect(parseJsonObject(new TextEncoder().encode(body))).toEqual({
      success: true,
      result: HELLO,
      command: HELLO,
      arguments: [],
      keyword_arguments: {},
    });
  });

  test("our own result, repeated, is a refusal", () => {
    expect(OLDEST.readHelloAnswer({ success: true, result: HELLO }, NONCE)).toEqual({ kind: "refused" });
  });

  test.each<[string, JsonObject]>([
    ["another hello, turned back", { command: helloMethod("nonce-2"), arguments: [], keyword_arguments: {} }],
    ["the result of another hello", { success: true, result: helloMethod("nonce-2") }],
    ["a late result", { success: true, result: "Ubuntu" }],
    ["a late result that is null", { success: true, result: null }],
    ["the refusal of python-negotiator 0.5", { success: false, error: `Method ${HELLO} not supported` }],
    ["a request to send something else", { command: "send", arguments: [{ success: true }] }],
    ["a request to send nothing", { command: "send", arguments: [] }],
    ["an object that is not a message", { arguments: [HELLO] }],
  ])("%s is not about our hello", (_, object) => {
    expect(OLDEST.readHelloAnswer(object, NONCE)).toBeUndefined();
  });

  test("python-negotiator 0.5 and 0.1 do not read each other's refusals", () => {
    const refusal = { success: false, error: `Method ${HELLO} not supported` };
    const repeated = { success: true, result: HELLO };
    expect(LEGACY.readHelloAnswer(refusal, NONCE)).toEqual({ kind: "refused" });
    expect(LEGACY.readHelloAnswer(repeated, NONCE)).toBeUndefined();
    expect(LEGACY.readHelloAnswer({ command: HELLO }, NONCE)).toBeUndefined();
  });
});
