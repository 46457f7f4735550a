/** The program that starts commands as another user: its variables, its words, and what it says. */
import { expect, test } from "bun:test";
import { errnoOf } from "../../src/errors.ts";
import { createToolName, isHarmless, readToolError, toolWords } from "../../src/process/user-tool.ts";

test.each([
  [{}, true],
  [{ PATH: "/bin", HOME: "/", NEGOTIATOR_ANY: "x/y" }, true],
  [{ LANG: "C.UTF-8", LC_ALL: "C" }, true],
  [{ LANG: "../x" }, false],
  [{ LC_ALL: "/x" }, false],
  [{ LC_MESSAGES: "C" }, false],
  [{ PATH: "/bin", LD_PRELOAD: "x" }, false],
  [{ NEGOTIATOR: "x" }, false],
])("the variables %j are harmless for a tool: %p", (env, isSo) => {
  expect(isHarmless(env)).toBe(isSo);
});

test("two names of a tool differ, and begin as no command does", () => {
  expect(createToolName()).toStartWith("~negotiator-start-");
  expect(createToolName()).not.toBe(createToolName());
});

const SETPRIV = { kind: "setpriv", path: "/s" } as const;

test("setpriv clears the groups of a user without more, and pads ids up to 1000 groups", () => {
  const words = toolWords(SETPRIV, { uid: 7, gid: 8, groups: [] }, ["/c", "a"]);
  expect(words).toEqual([
    "/s",
    `--reuid=${"7".padStart(33, "0")}`,
    `--regid=${"8".padStart(33, "0")}`,
    "--clear-groups",
    "--",
    "/c",
    "a",
  ]);
  const uidWith = (count: number): string | undefined =>
    toolWords(SETPRIV, { uid: 7, gid: 8, groups: Array.from({ length: count }, () => 9) }, ["/c"])[1];
  expect([uidWith(1000)?.length, uidWith(1001)]).toEqual([41, "--reuid=+7"]);
});

test.each([
  ["failed to execute /c: No such file or directory\n", "ENOENT"],
  ["failed to run command '/c': Permission denied", "EACCES"],
  ["failed to execute /c: Text file busy", "ETXTBSY"],
  ["failed to execute /c: Some other words", undefined],
  ["failed to execute /c: constructor", undefined],
  ["failed to execute /other: No such file or directory", "EPERM"],
  ["setresuid failed: Operation not permitted", "EPERM"],
  ["anything", "EPERM"],
])("the words %j of a tool have the error %p", (said, code) => {
  const error = readToolError(said, "/c");
  expect([errnoOf(error), error.message]).toEqual([code, said.trimEnd()]);
});
