/** Output of a command on its way to a terminal: what passes, and what is left out. */
import { describe, expect, test } from "bun:test";
import { createTerminalFilter } from "../../../src/roles/cli/terminal-filter.ts";
import type { FilterForm } from "../../../src/roles/cli/terminal-filter.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";

/** Bytes, one character for each, go in in these pieces. */
function filter(pieces: readonly string[], form?: FilterForm): string {
  const filtering = createTerminalFilter(form);
  const parts = pieces.map((piece) => Buffer.from(filtering.push(Buffer.from(piece, "latin1"))));
  return Buffer.concat([...parts, filtering.end()]).toString("latin1");
}

/** Fails if the result depends on the place at which the bytes are split, or on many splits. */
function filterSplit(bytes: string, form?: FilterForm): string {
  const whole = filter([bytes], form);
  for (let at = 0; at <= bytes.length; at++)
    expect(filter([bytes.slice(0, at), bytes.slice(at)], form)).toBe(whole);
  expect(filter(bytes.split(""), form)).toBe(whole);
  return whole;
}

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

describe("passes", () => {
  test.each([
    ["text with tabs and line ends", "a\tb\r\nc\n"],
    ["a progress line", "10 %\r20 %\r\u001b[K30 %\b\b"],
    ["a bell", "ready\u0007"],
    ["colours", "\u001b[1;31mred\u001b[0m \u001b[38;5;200mx\u001b[m \u001b[38:2::1:2:3mtrue\u001b[0m"],
    ["moves inside a line", "\u001b[12Ga\u001b[2Cb\u001b[Dc\u001b[1K"],
    ["characters of two, three and four bytes", utf8("äöü ✓ ě 漢 😀")],
    ["characters whose bytes could be C1 controls", utf8("ě À Ý Þ ß ✛ 蝐 😝")],
  ])("%s", (_, bytes) => {
    expect(filterSplit(bytes)).toBe(bytes);
  });
});

describe("leaves out", () => {
  test.each([
    ["a title ended by a bell", "\u001b]0;evil\u0007"],
    ["a title ended by ST", "\u001b]2;evil\u001b\\"],
    ["an icon name", "\u001b]1;evil\u0007"],
    ["a write to the clipboard", "\u001b]52;c;ZXZpbA==\u0007"],
    ["a question about the clipboard", "\u001b]52;c;?\u001b\\"],
    ["a question about a colour", "\u001b]10;?\u0007"],
    ["a link", "\u001b]8;;http://evil\u001b\\\u001b]8;;\u001b\\"],
    ["a notification", "\u001b]777;notify;a;b\u0007"],
    ["a request for the cursor", "\u001b[6n"],
    ["a request for the status", "\u001b[5n\u001b[?6n"],
    ["a request for the device", "\u001b[c\u001b[0c\u001b[>c\u001b[=c\u001bZ"],
    ["a request for the window", "\u001b[18t\u001b[21t"],
    ["a request for the version", "\u001b[>q"],
    ["a request for a mode", "\u001b[?2026$p"],
    ["the answerback", "\u0005"],
    ["DCS", "\u001bP$qm\u001b\\"],
    ["DCS for tmux", "\u001bPtmux;\u001b\u001b]0;evil\u0007\u001b\\"],
    ["SOS, PM and APC", "\u001bXevil\u001b\\\u001b^evil\u001b\\\u001b_Gevil\u001b\\"],
    ["private modes", "\u001b[?1049h\u001b[?25l\u001b[?1000h\u001b[?2004h"],
    ["modes", "\u001b[4h\u001b[20h\u001b[2l"],
    ["keyboard modes", "\u001b[>4;2m\u001b[?4m\u001b[>1u\u001b=\u001b>"],
    ["a full reset", "\u001bc\u001b[!p"],
    ["other charsets", "\u001b(0\u001b)A\u001b%G\u001bn\u000e\u000f"],
    ["moves over the screen", "\u001b[H\u001b[2A\u001b[3;4H\u001b[5d\u001bM\u001b7\u001b8\u001b[s\u001b[u"],
    ["erasing the screen", "\u001b[2J\u001b[3J\u001b[J"],
    ["scrolling", "\u001b[1;5r\u001b[5S\u001b[2L\u001b[M"],
    ["a repetition", "\u001b[999999999b"],
    ["a long move", "\u001b[99999C"],
    ["leds and media", "\u001b[1q\u001b[5i"],
    ["the alignment pattern", "\u001b#8"],
    ["single shifts", "\u001bN\u001bO\u008e\u008f"],
    ["zero bytes and DEL", "\u0000\u0001\u0002\u007f"],
    ["a colour with more than its due", `\u001b[${"1;".repeat(100)}m`],
    ["C1 CSI as one byte", "\u009b6n\u009b?25l"],
    ["C1 OSC as one byte", "\u009d0;evil\u0007\u009d52;c;ZQ==\u009c"],
    ["C1 DCS, SOS, PM and APC as one byte", "\u0090x\u009c\u0098x\u009c\u009ex\u009c\u009fx\u009c"],
    ["C1 CSI as UTF-8", utf8("\u009b6n\u009b?25l")],
    ["C1 OSC as UTF-8", utf8("\u009d0;evil\u009c\u009d0;evil\u0007")],
    ["C1 DCS as UTF-8", utf8("\u0090evil\u009c")],
    ["C1 controls without a meaning here", "\u0084\u0085\u0088\u008d\u009a"],
  ])("%s", (_, bytes) => {
    expect(filterSplit(`<${bytes}>`)).toBe("<>");
  });

  test("a sequence that a second ESC interrupts, and passes the second one", () => {
    expect(filterSplit("<\u001b[3\u001b]0;x\u001b[31mred\u001b[0m>")).toBe("<\u001b[31mred\u001b[0m>");
  });

  test("a string that does not end, up to the end of its line", () => {
    expect(filterSplit("a\u001bPhidden\nshown\n")).toBe("a\nshown\n");
  });

  test("a sequence that the end of the stream cuts", () => {
    for (const cut of ["\u001b", "\u001b[", "\u001b[31", "\u001b]0;x", "\u001b(", "\u009b1"])
      expect(filterSplit(`a${cut}`)).toBe("a");
  });

  test("a sequence that a control character interrupts", () => {
    expect(filterSplit("a\u001b[3\n1m\u001b]0;x\u0018y\u001b[\u001a6n")).toBe("a\n1my6n");
  });
});

describe("bytes that are not UTF-8 become U+FFFD", () => {
  test.each([
    ["a lone byte", "a\u00ffb", "a\ufffdb"],
    ["a character that the end cuts", "a\u00e2\u009c", "a\ufffd"],
    ["the long form of C1 CSI", "\u00e0\u0082\u009b6n", "\ufffd"],
    ["the long form of ESC", "\u00c0\u009b[6n", "\ufffd6n"],
    ["a surrogate", "\u00ed\u00a0\u0080", "\ufffd\ufffd"],
    ["a code above U+10FFFF", "\u00f4\u0090\u0080\u0080x\n", "\ufffd\n"],
  ])("%s", (_, bytes, shown) => {
    expect(filterSplit(bytes)).toBe(utf8(shown));
  });
});

test("a colour that was left on ends with the stream", () => {
  expect(filterSplit("\u001b[31mred")).toBe("\u001b[31mred\u001b[0m");
  expect(filterSplit("\u001b[31mred\u001b[0;0m")).toBe("\u001b[31mred\u001b[0;0m");
});

describe("as lines", () => {
  test.each([
    ["a colour ends with its line", "\u001b[31mred\nplain\n", "\u001b[31mred\u001b[0m\nplain\n"],
    ["CR LF ends one line", "a\r\nb\r\n", "a\nb\n"],
    ["CR ends a line, so nothing overwrites the prefix", "a\rb\r\rc\n", "a\nb\n\nc\n"],
    ["nothing moves the cursor", "a\bb\u001b[5Gc\u001b[2Kd\u0007\u000b\f", "abcd"],
  ])("%s", (_, bytes, shown) => {
    expect(filterSplit(bytes, "lines")).toBe(shown);
  });
});

test("random bytes leave valid UTF-8, and no sequence but colours and moves inside a line", () => {
  const random = createRandom(chooseSeed());
  const pieces = [
    "\u001b",
    "[",
    "]",
    "P",
    ";",
    "0",
    "?",
    "m",
    "n",
    "\u009b",
    "\u00c2",
    "\u00e2",
    "\u0007",
    "x",
  ];
  for (let round = 0; round < 300; round++) {
    const bytes = Array.from({ length: 60 }, () =>
      random.oneIn(4) ? String.fromCharCode(random.below(256)) : random.pick(pieces),
    ).join("");
    const shown = filterSplit(bytes);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(shown, "latin1"));
    const rest = text.replaceAll(PASSED, "");
    const controls = Array.from(rest, (character) => character.charCodeAt(0)).filter(isControl);
    expect(controls.filter((code) => code < 7 || code > 13)).toEqual([]);
  }
});

/** The sequences that pass. */
const PASSED = new RegExp(`${String.fromCharCode(27)}\\[(?:[0-9;:]*m|[0-2]?K|\\d{0,4}[CDG])`, "g");

function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}
