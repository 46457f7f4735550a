/** Tables and paragraphs in a limited number of columns. */
import { expect, test } from "bun:test";
import { formatAge, formatBytes, formatRoundTrip } from "../../../src/roles/cli/quantity.ts";
import { clipToWidth, formatTable, widthOf, wrapText } from "../../../src/roles/cli/table.ts";
import type { Column } from "../../../src/roles/cli/table.ts";

const COLUMNS: Column[] = [
  { title: "NAME", cells: [{ text: "a-long-name" }, { text: "b" }], leastWidth: 6 },
  { title: "AGENT", cells: [{ text: "native 1.0", short: "1.0" }, { text: "" }] },
  { title: "RUN", cells: [{ text: "1" }, { text: "23" }], isRight: true, rank: 1 },
];

test.each([
  [80, ["NAME         AGENT       RUN", "a-long-name  native 1.0    1", "b                         23"]],
  [25, ["NAME         AGENT  RUN", "a-long-name  1.0      1", "b                    23"]],
  [20, ["NAME      AGENT  RUN", "a-long-…  1.0      1", "b                 23"]],
  [14, ["NAME     AGENT", "a-long…  1.0", "b"]],
  [8, ["N…  A…", "a…  1…", "b"]],
])("a table in %d columns: short texts, then a narrow column, then fewer columns", (width, lines) => {
  expect(formatTable(COLUMNS, { width })).toEqual(lines);
});

test("a table without rows has its titles", () => {
  expect(formatTable([{ title: "A", cells: [] }])).toEqual(["A"]);
});

test.each([
  ["web1", 4, "web1"],
  ["web10", 4, "web…"],
  ["漢字漢字", 6, "漢字…"],
  ["漢字漢字", 8, "漢字漢字"],
])("%j clipped to %d columns is %j", (text, width, clipped) => {
  expect(clipToWidth(text, width)).toBe(clipped);
  expect(widthOf(clipped)).toBeLessThanOrEqual(width);
});

test.each([
  ["one two three", 8, ["one two", "  three"]],
  ["/a/path/longer/than/a/line", 10, ["/a/path/lo", "  nger/tha", "  n/a/line"]],
  ["short", 80, ["short"]],
])("%j wrapped to %d columns", (text, width, lines) => {
  expect(wrapText(text, width, "  ")).toEqual(lines);
});

test.each([
  [-5, "0 s"],
  [119_400, "119 s"],
  [120_000, "2 min"],
  [7_200_000, "2 h"],
  [172_800_000, "2 d"],
])("an age of %d ms is %j", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

test.each([
  [0, "0"],
  [999, "999"],
  [1000, "1.0k"],
  [9_960, "10k"],
  [999_400, "999k"],
  [999_600, "1.0M"],
  [5e9, "5.0G"],
  [1e16, "10000T"],
])("%d bytes are %j", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.04, "0.0 ms"],
  [9.94, "9.9 ms"],
  [12.4, "12 ms"],
  [1500, "1.5 s"],
])("a round trip of %d ms is %j", (ms, text) => {
  expect(formatRoundTrip(ms)).toBe(text);
});
