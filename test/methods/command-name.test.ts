/** Names of files that are offered as commands, and those that are not. */
import { expect, test } from "bun:test";
import { isCommandName } from "../../src/methods/command-name.ts";

const OFFERED = [
  "uptime",
  "two words",
  "a-b_c+d@e:f",
  "42",
  "gr\u00fcn",
  "\u5907\u4efd",
  "e\u0301t\u00e9",
  "-x",
  "@home",

  "backup.sh",
  "backup.py",
  "two words.pl",
  "x.bash",
  "x.rb",
  "x.lua",
  "x.js",
  "x.ts",
  "a".repeat(255),
];

test.each(OFFERED)("the name %j is offered", (name) => {
  expect(isCommandName(name)).toBe(true);
});

const REFUSED = [
  "",
  ".",
  "..",
  ".hidden",
  ".sh",
  "a/b",
  "a\nb",
  "a\0b",
  "a\u202eb",
  "a\u200bb",
  "a\ufffdb",
  "a\u00a0b",
  "a.b",
  "report.v2",
  "a.sh.bak",
  "a.b.sh",
  "a.",
  "a.exe",
  "backup~",
  "x.bak",
  "x.dpkg-old",
  "x.rpmsave",
  "a*",
  "a?",
  "[a]",
  "a$b",
  "a;b",
  "a|b",
  "a&b",
  "a'b",
  'a"b',
  "a\\b",
  "a,b",
  "a=b",
  "a%b",
  "a#b",
  "a!b",
  "x.toml",
  "x.sh.toml",
  "a".repeat(256),
  "\u00e4".repeat(128),
];

test.each(REFUSED)("the name %j is refused", (name) => {
  expect(isCommandName(name)).toBe(false);
});

test("a pattern lets further names in, but no hidden one, no settings and no control characters", () => {
  expect(isCommandName("report.v2", ["report.v2"])).toBe(true);
  expect(isCommandName("report.v3", ["report.v2"])).toBe(false);
  expect(isCommandName("tool.exe", ["x", "*.exe"])).toBe(true);
  for (const name of [".hidden", "x.toml", "a\nb", "a/b", "", "a".repeat(256)])
    expect(isCommandName(name, ["*", "**"])).toBe(false);
});
