/** Words of commands in messages, as a shell takes them. */
import { expect, test } from "bun:test";
import { shellArguments, shellLine, shellWord } from "../src/shell-word.ts";
import { runProcess } from "./support/program-run.ts";

test.each([
  ["web1", "web1"],
  ["/etc/negotiator/policy.toml", "/etc/negotiator/policy.toml"],
  ["my guest", "'my guest'"],
  ["it's", `'it'\\''s'`],
  ["$(reboot)", "'$(reboot)'"],
  ["a;b", "'a;b'"],
  ["~", "'~'"],
  ["", "''"],
  ["x\u001b[31m\ny", "'x\\x1b[31m\\ny'"],
])("the word %j is written as %s", (word, shown) => {
  expect(shellWord(word)).toBe(shown);
});

test("a shell reads a written line as the same words", async () => {
  const words = ["my guest", "it's", "$HOME", "`id`", "a\\b", '"', "*", "-n", "ü"];
  const { stdout } = await runProcess(["/bin/sh", "-c", `printf '[%s]' ${shellLine(words)}`]);
  expect(stdout).toBe(words.map((word) => `[${word}]`).join(""));
});

test.each<[string, string[], string]>([
  ["no arguments give an empty text", [], ""],
  ["arguments have a blank before each", ["my guest", "-n"], " 'my guest' -n"],
  ["200 characters of arguments are shown", ["x".repeat(200)], ` ${"x".repeat(200)}`],
  ["more are ARG...", ["x".repeat(100), "y".repeat(100)], " ARG..."],
])("%s", (_, args, shown) => {
  expect(shellArguments(args)).toBe(shown);
});
