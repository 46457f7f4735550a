/** The lines of shell for the parts of an installation. */
import { expect, test } from "bun:test";
import { formatCommand, formatEntry } from "../../../src/roles/install/entry.ts";

const file = { kind: "file", path: "/a/b", why: "", mode: 0o644 } as const;

test("a directory gets its mode, and a link replaces an old one", () => {
  expect(formatEntry({ kind: "directory", path: "/a", why: "", mode: 0o750 }, "/m/a b")).toEqual([
    "install -d -m 750 '/m/a b'",
  ]);
  expect(formatEntry({ kind: "link", path: "/a/b", why: "", to: "x y" }, "/m/a/b")).toEqual([
    "mkdir -p /m/a",
    "ln -sfn 'x y' /m/a/b",
  ]);
});

test("a text comes as a here-document without a second line break at its end", () => {
  expect(formatEntry({ ...file, content: { text: "one\ntwo\n" } }, "/m/b")).toEqual([
    "install -D -m 644 /dev/stdin /m/b <<'END'",
    "one\ntwo",
    "END",
  ]);
});

test("a copy names its source, and a printed text the command that prints it", () => {
  expect(formatEntry({ ...file, content: { copyOf: "/my bin" } }, "/m/b")).toEqual([
    "install -D -m 644 '/my bin' /m/b",
  ]);
  const [directory, line, mode] = formatEntry(
    { ...file, content: { text: "x", printedBy: ["manual", "page 1"] } },
    "/m/b",
  );
  expect(directory).toBe("mkdir -p /m");
  expect(line).toEndWith(" manual 'page 1' >/m/b");
  expect(mode).toBe("chmod 644 /m/b");
});

test("an appended line is added to its file, whose text does not appear", () => {
  const appended = "TARGETS = x";
  expect(formatEntry({ ...file, content: { text: "all" }, appended }, "/m/b")).toEqual([
    "echo 'TARGETS = x' >>/m/b",
  ]);
});

test("a command names the other one that runs if it fails", () => {
  expect(formatCommand({ argv: ["a", "b c"] })).toBe("a 'b c'");
  expect(formatCommand({ argv: ["a"], otherwise: ["d"] })).toBe("a || d");
});
