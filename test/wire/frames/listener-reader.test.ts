/** Each rule of docs/PROTOCOL.md, "Frames", for a listener: what is read in each of its states. */
import { describe, expect, test } from "bun:test";
import { createListenerReader } from "../../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../../src/wire/frames/listener-reader.ts";
import { HELLO_OPENING } from "../../../src/wire/frames/openings.ts";
import { hello, readPieces, WHOLE } from "./torn-frames.ts";

const LIMITS = { lineBytes: 600, lengthPrefixedBytes: 600 };
const open = (isOnPort = true, acceptsRaw = true): FrameReader =>
  createListenerReader(LIMITS, { isOnPort, acceptsRaw: () => acceptsRaw });
const ordered = (isOnPort = true, acceptsRaw = true): FrameReader => {
  const reader = open(isOnPort, acceptsRaw);
  readPieces(reader, hello("n"), WHOLE);
  return reader;
};
const lost = (): FrameReader => {
  const reader = ordered();
  reader.lose();
  return reader;
};

const helloText = (nonce: string): string => Buffer.from(hello(nonce)).toString();
const PING = '{"jsonrpc":"2.0","method":"session.ping"}\n';
const NATIVE = ["native ping -"];
const OLD = '37\n{"method": "list_commands", "kw": {}}';
const OLDEST = '38\n{"command": "list_commands", "kw": {}}';
const chunk = (content: string, checksum = Bun.hash.crc32(content)): string =>
  '{"jsonrpc":"2.0","seq":1,"method":"stream.data","params":{"call":"c","stream":"s","offset":0,' +
  `"bytes":${content.length},"crc32":${checksum}}}\n${content}\n`;
const text = (length: number): string =>
  `{"jsonrpc":"2.0","method":"session.ping","x":"${"y".repeat(length)}"}\n`;
const EMPTY_TEXT = text(0).length - 1;

/** `open`: read in an open session. `closed`: read before the first hello, and after the order was lost. */
type Row = { name: string; input: string; open: readonly string[]; closed: readonly string[] };
const BROKEN = ["broken BAD_FRAME"];
/** A chunk that is not read, because the order is lost. */
const UNREAD = ["native unknown -"];
const row = (name: string, input: string, inOrder: readonly string[], closed = inOrder): Row => ({
  name,
  input,
  open: inOrder,
  closed,
});

const ROWS: readonly Row[] = [
  row("a message", PING, NATIVE),
  row("two messages", PING + PING, [...NATIVE, ...NATIVE]),
  row("empty lines and lines of blanks", `\n \t\r\n\n${PING}`, NATIVE),
  row("blanks behind a message", PING.replace("\n", " \t\r\n"), NATIVE),
  row("garbage", "garbage\n", BROKEN, []),
  row("garbage and a message", `garbage\n${PING}`, [...BROKEN, ...NATIVE], NATIVE),
  row("an object of no dialect", "{}\n", BROKEN, []),
  row("a request of an old host without its length", '{"method": "x"}\n', BROKEN, []),
  row("a message cut off by a line end", '{"jsonrpc":"2.0","meth\n', BROKEN, []),
  row("a message that begins with another member", '{"method":"session.ping","jsonrpc":"2.0"}\n', NATIVE, []),
  row("a message with the seq 0", '{"jsonrpc":"2.0","seq":0,"method":"m"}\n', BROKEN, []),
  row("a list of a message", `[${PING.trim()}]\n`, BROKEN, []),
  row("bytes that are not UTF-8", PING.replace("ping", "p\u00ffng"), BROKEN, []),
  row("a line as long as the limit", text(600 - EMPTY_TEXT), NATIVE),
  row("a line one byte longer than the limit", text(601 - EMPTY_TEXT), ["broken TOO_LARGE"], []),
  row("a raw chunk", chunk("a\n1\n{"), ["native data 1"], UNREAD),
  row("an empty raw chunk", chunk(""), ["native data 1"], UNREAD),
  row("a raw chunk with a wrong checksum", chunk("abc", 1), BROKEN, UNREAD),
  row("a raw chunk without a checksum", chunk("abc").replace(/,"crc32":\d+/, ""), BROKEN, []),
  row("a raw chunk without its line end", `${chunk("abc").slice(0, -1)}${PING}`, BROKEN, UNREAD),
  row(
    "a raw chunk of 65,537 bytes",
    chunk("x").replace('"bytes":1', '"bytes":65537'),
    ["native invalid 1", ...BROKEN],
    ["native invalid 1"],
  ),
  row("an old host's request", OLD, ["foreign list_commands"]),
  row("an old host's request and a message", OLD + PING, ["foreign list_commands", ...NATIVE]),
  row("the request of the oldest hosts", OLDEST, ["foreign undefined"]),
  row("blanks and zeros around a length", OLD.replace("37", " 0037 \r"), ["foreign list_commands"]),
  row("a length without its request", "37\n", []),
  row("a length and garbage", "8\ngarbage\n", BROKEN, []),
  row("a length and an object that begins with a blank", '9\n{ "a": 1}\n', BROKEN, []),
  row("a length and a blank before the object", '9\n {"a": 1}\n', BROKEN, []),
  row("a length and an empty line, as before a hello", `37\n\n${PING}`, NATIVE),
  row("a message in a length-prefixed frame", `${PING.length - 1}\n${PING.trim()}`, BROKEN, []),
  row("a message behind digits", `37\n${PING}`, [...BROKEN, ...NATIVE], NATIVE),
  row("a message behind digits that are fewer than its bytes", `3\n${PING}`, [...BROKEN, ...NATIVE], NATIVE),
  row("any other object in a length-prefixed frame", '8\n{"a": 1}', ["foreign undefined"]),
  row("an object that begins almost as a message does", '20\n{"jsonrpc":"2.1"   }', ["foreign undefined"]),
  row("a torn request in a length-prefixed frame", '14\n{"method": "x\n', BROKEN, []),
  row("a length of 0, and a message", `0\n${PING}`, [...BROKEN, ...NATIVE], NATIVE),
  row("a request beyond the limit without its last byte", `601\n{"${"x".repeat(598)}`, []),
  row("a request beyond the limit", `601\n{"${"x".repeat(599)}`, ["unreadable TOO_LARGE"]),
  row("a length beyond the limit, and garbage", `601\n{x${"x".repeat(599)}`, BROKEN, []),
  row("a length of 13 digits", "1000000000000\n", BROKEN, []),
  row("a hello", helloText("m"), ["hello m"]),
  row(
    "a hello behind a torn one",
    HELLO_OPENING.toString() + helloText("m"),
    [...BROKEN, "hello m"],
    ["hello m"],
  ),
  row("a hello that is not JSON", `${HELLO_OPENING.toString()}x"\n`, BROKEN, []),
  row(
    "a hello whose id is a number",
    `${HELLO_OPENING.toString()}x", "jsonrpc": "2.0", "id": 7}\n`,
    BROKEN,
    [],
  ),
  row("a hello that is longer than a line", `${HELLO_OPENING.toString()}${"x".repeat(600)}"}\n`, BROKEN, []),
];

describe("a listener on a port", () => {
  for (const pieceBytes of [1, 7, WHOLE]) {
    test.each(ROWS.map((found) => [found.name, found] as const))(
      `in pieces of ${pieceBytes} bytes, a listener reads %s`,
      (_, { input, open: inOrder, closed }) => {
        const bytes = Buffer.from(input, "latin1");
        expect(readPieces(ordered(), bytes, pieceBytes)).toEqual([...inOrder]);
        expect(readPieces(open(), bytes, pieceBytes)).toEqual([...closed]);
        expect(readPieces(lost(), bytes, pieceBytes)).toEqual([...closed]);
      },
    );
  }

  test("a listener that lost the order takes old requests and hellos, and is in order behind a hello", () => {
    const reader = ordered();
    const bytes = Buffer.concat([Buffer.from(`garbage\n${OLD}`), hello("m"), Buffer.from(chunk("abc"))]);
    expect(readPieces(reader, bytes, 5)).toEqual([
      "broken BAD_FRAME",
      "foreign list_commands",
      "hello m",
      "native data 1",
    ]);
  });
});

describe("a frame that is dropped", () => {
  const torn = {
    "a line": PING.slice(0, 9),
    "a line of a chunk": chunk("abc").slice(0, 40),
    "the bytes of a chunk": chunk("abc").slice(0, -2),
    "a hello": helloText("m").slice(0, 60),
  } as const;
  test.each(Object.entries(torn))(
    "%s that is dropped in an open session means that order is lost",
    (_, input) => {
      const reader = ordered();
      expect(readPieces(reader, Buffer.from(input), WHOLE)).toEqual([]);
      expect([reader.hasBegun, reader.drop()?.kind, reader.hasBegun]).toEqual([true, "broken", false]);
      expect(readPieces(reader, Buffer.from(`garbage\n${OLD}`), WHOLE)).toEqual(["foreign list_commands"]);
    },
  );

  test.each([
    ["an old host's request", OLD.slice(0, 20)],
    ["a length", "37\n"],
  ])("%s that is dropped in an open session means nothing", (_, input) => {
    const reader = ordered();
    readPieces(reader, Buffer.from(input), WHOLE);
    expect([reader.hasBegun, reader.drop(), reader.hasBegun]).toEqual([true, undefined, false]);
    expect(readPieces(reader, Buffer.from(PING), WHOLE)).toEqual([...NATIVE]);
  });

  test("nothing is dropped between frames", () => {
    const reader = ordered();
    expect([reader.hasBegun, reader.drop()]).toEqual([false, undefined]);
    expect(readPieces(reader, Buffer.from(PING), WHOLE)).toEqual([...NATIVE]);
  });
});

test("a raw chunk that was not agreed on is not read, and its writer learns that the order is lost", () => {
  const reader = ordered(true, false);
  const bytes = Buffer.from(chunk("abc"));
  expect(readPieces(reader, bytes, 7)).toEqual(BROKEN);
  expect(readPieces(reader, bytes, 7)).toEqual(UNREAD);
  expect(readPieces(open(true, false), bytes, 7)).toEqual(UNREAD);
});

test("on a socket a hello counts only as the first frame", () => {
  for (const pieceBytes of [1, 7, WHOLE]) {
    const reader = ordered(false);
    expect(readPieces(reader, Buffer.concat([Buffer.from(PING), hello("m")]), pieceBytes)).toEqual([
      ...NATIVE,
      ...BROKEN,
    ]);
    expect(readPieces(reader, hello("again"), pieceBytes)).toEqual([]);
    reader.reset();
    expect(readPieces(reader, hello("m"), pieceBytes)).toEqual(["hello m"]);
  }
});
