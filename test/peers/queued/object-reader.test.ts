/** Objects in pieces: texts are passed on, other members are kept, and bad input is refused at every cut. */
import { describe, expect, spyOn, test } from "bun:test";
import { createObjectReader } from "../../../src/peers/queued/object-reader.ts";
import { errorOf } from "../../support/error-of.ts";

type Read = { texts: Record<string, string>; members: unknown };

/** Reads the pieces: the texts of `result` and `error`, and the members when the object has ended. */
function read(...pieces: readonly Uint8Array[]): Read {
  const reader = createObjectReader({ passedOn: ["result", "error"], keptBytes: 200 });
  const found: Read = { texts: {}, members: undefined };
  for (const piece of pieces) {
    for (const part of reader.push(piece)) {
      if (part.kind === "end") {
        found.members = part.members;
        expect([...part.texts]).toEqual(expect.arrayContaining(Object.keys(found.texts)));
      } else found.texts[part.name] = (found.texts[part.name] ?? "") + Buffer.from(part.bytes).toString();
    }
  }
  return found;
}

function* cuts(text: string): Generator<Uint8Array[]> {
  const bytes = Buffer.from(text);
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let place = 1; place < bytes.length; place++) yield [bytes.subarray(0, place), bytes.subarray(place)];
}

const OBJECTS: [string, string, Read][] = [
  [
    "an answer",
    '31\n{"result": "a\\n", "success": true}',
    { texts: { result: "a\n" }, members: { success: true } },
  ],
  ["compact JSON", '{"success":false,"error":"no"}', { texts: { error: "no" }, members: { success: false } }],
  [
    "blanks everywhere",
    '  7 \r\n { "result" : "a" , "x" : [1 , {"y": "}"}] } \n',
    { texts: { result: "a" }, members: { x: [1, { y: "}" }] } },
  ],
  [
    "a result that is not text",
    '{"result": ["a", "b"], "n": null}',
    { texts: {}, members: { result: ["a", "b"], n: null } },
  ],
  ["an empty object", "2\n{}", { texts: {}, members: {} }],
  ["a name in escapes", '{"\\u0072esult": "a"}', { texts: { result: "a" }, members: {} }],
  [
    "quotes and braces in a value",
    '{"x": "\\"},{", "result": "a"}',
    { texts: { result: "a" }, members: { x: '"},{' } },
  ],
  [
    "lines that do not begin with a brace",
    'x{"result": "no"}\n\n5\n{"result": "a"}',
    { texts: { result: "a" }, members: {} },
  ],
  ["a second object", '{"result": "a"}{"result": "b"}', { texts: { result: "a" }, members: {} }],
];

test.each(OBJECTS)("%s is read at every cut", (_, text, expected) => {
  for (const pieces of cuts(text)) expect(read(...pieces)).toEqual(expected);
});

test("a name may have 1024 characters", () => {
  const name = "n".repeat(1024);
  const reader = createObjectReader({ passedOn: [name], keptBytes: 200 });
  const parts = [...reader.push(Buffer.from(`{"${name}": "a"}`))];
  expect(parts.map(({ kind }) => kind)).toEqual(["text", "end"]);
});

test("a text that has not ended is passed on, and the object has no end", () => {
  expect(read(Buffer.from('{"result": "beg'))).toEqual({ texts: { result: "beg" }, members: undefined });
});

describe("an object is refused", () => {
  const BAD: [string, string, "BAD_FRAME" | "TOO_LARGE"][] = [
    ["torn by a line end between members", '{"success": true,\n"result": "a"}', "BAD_FRAME"],
    ["torn by a line end in a value", '{"x": [1,\n2]}', "BAD_FRAME"],
    ["torn by a line end in a text", '{"result": "a\n"}', "BAD_FRAME"],
    ["torn by a line end before a value", '{"result":\n"a"}', "BAD_FRAME"],
    ["without a colon", '{"result" "a"}', "BAD_FRAME"],
    ["without a comma", '{"result": "a" "error": "b"}', "BAD_FRAME"],
    ["with a comma at its end", '{"result": "a",}', "BAD_FRAME"],
    ["with a name that is not text", '{result: "a"}', "BAD_FRAME"],
    ["with a member without a value", '{"x": , "result": "a"}', "BAD_FRAME"],
    ["with a value that is not JSON", '{"x": yes}', "BAD_FRAME"],
    ["with two results", '{"result": "a", "result": "b"}', "BAD_FRAME"],
    ["with a name of 1025 characters", `{"${"n".repeat(1025)}": 1}`, "TOO_LARGE"],
    ["with long other members", `{"x": "${"y".repeat(200)}"}`, "TOO_LARGE"],
    ["that does not begin in 200 bytes", "x".repeat(201), "BAD_FRAME"],
  ];
  test.each(BAD)("%s, at every cut", (_, text, code) => {
    for (const pieces of cuts(text)) expect(errorOf(() => read(...pieces)).code).toBe(code);
  });
});

test("many names in one long piece take no room for the whole piece each", () => {
  const piece = Buffer.from(`{${Array.from({ length: 2000 }, (_, at) => `"n${at}":1`).join(",")}}`);
  const reader = createObjectReader({ passedOn: ["result"], keptBytes: piece.length });
  using room = spyOn(Buffer, "allocUnsafe");
  expect([...reader.push(piece)]).toHaveLength(1);
  const taken = room.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0);
  expect(taken).toBeLessThan(2000 * 2048);
});
