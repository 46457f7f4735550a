/** Wildcards: what they match, and that no pattern takes long. */
import { expect, test } from "bun:test";
import { parseGlob } from "../../src/policy/glob.ts";
import { processorMsOf } from "../support/processor-time.ts";

test.each([
  ["uptime", ["uptime"], ["uptime2", "xuptime", "", "Uptime", "uptime\n"]],
  ["web*", ["web", "web1", "web\n1"], ["we", "aweb", "web/1"]],
  ["*-disk-*", ["find-disk-usage", "-disk-"], ["find-disk", "disk-"]],
  ["?", ["a", "é", "😀", "\n"], ["", "ab", "/"]],
  ["/var/log/*", ["/var/log/x", "/var/log/"], ["/var/log/x/y", "/var/log"]],
  ["/var/log/**", ["/var/log/", "/var/log/x/y"], ["/var/log", "/var/lo"]],
  ["**/*.conf", ["/a.conf", "a/b/c.conf", "a/b.conf.conf"], ["a.conf", "a/b.conf/c"]],
  ["*/**", ["a/", "a/b/c", "/"], ["a", ""]],
  ["***", ["", "a/b"], []],
  ["", [""], ["a"]],
  ["\\*", ["*"], ["a", "\\*", ""]],
  ["\\...", ["..."], ["....", "\\..."]],
  ["a\\", ["a\\"], ["a"]],
  ["a\nb", ["a\nb"], ["ab", "a b"]],
  ["[ab].+(x|y)$^", ["[ab].+(x|y)$^"], ["a.+x"]],
])("the glob %j matches exactly the listed texts", (pattern, fitting, others) => {
  const glob = parseGlob(pattern);
  expect(fitting.filter((text) => !glob.matches(text))).toEqual([]);
  expect(others.filter((text) => glob.matches(text))).toEqual([]);
});

test.each([8, 40])(
  "a glob of %p single wildcards matches the last ASCII character and the next one",
  (count) => {
    const glob = parseGlob("*a" + "?".repeat(count) + "*b");
    for (const character of ["\u007f", "\u0080"]) {
      const text = character.repeat(count);
      expect(glob.matches(`xa${text}b`)).toBe(true);
      expect(glob.matches(`xa${text.slice(1)}b`)).toBe(false);
    }
  },
);

test.each([
  ["?x", true],
  ["*", true],
  ["**/x", true],
  ["-?", false],
  ["\\?x", false],
  ["x*", false],
  ["", false],
])("the glob %j starts with a wildcard: %j", (pattern, startsWild) => {
  expect(parseGlob(pattern).startsWild).toBe(startsWild);
});

test("a pattern made for backtracking is matched in linear time", () => {
  const costMs = processorMsOf(() => {
    expect(parseGlob(`${"*a".repeat(50)}b`).matches("a".repeat(20_000))).toBe(false);
    expect(parseGlob(`${"**/*".repeat(20)}x`).matches("a/".repeat(10_000))).toBe(false);
  });
  // A slow machine takes a second. Backtracking would not end.
  expect(costMs).toBeLessThan(20_000);
});
