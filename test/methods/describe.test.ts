/** A command is described by the settings beside it, which are never ignored, or by a comment. */
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { commentIn, readDescription } from "../../src/methods/describe.ts";
import { createEyes } from "../../src/trust/look.ts";
import { errorOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const UID = process.getuid?.() ?? 0;
const MOST_BYTES = 65_536;

/** Writes settings beside a command, and returns how they are read. */
async function createCommand(settings: string | undefined) {
  const directory = await createTemporaryDirectory();
  if (settings !== undefined) await directory.write("tool.toml", settings);
  return {
    ...directory,
    file: directory.at("tool.toml"),
    read: () => {
      const eyes = createEyes({ groupOf: () => ({ uids: [UID] }), onlyLocal: false });
      return readDescription(directory.at("tool"), UID, eyes);
    },
  };
}

describe("settings", () => {
  test.each<[string, Record<string, unknown>]>([
    ['description = "one\\u001b"\n', { description: "one\\x1b" }],
    [`description = "${"x".repeat(200)}"\n`, { description: "x".repeat(200) }],
    ["timeoutSeconds = 0.001\nstdin = true\n", { timeoutSeconds: 0.001, stdin: true }],
    ["timeoutSeconds = 31536000\n", { timeoutSeconds: 31_536_000 }],
    ['user = "_backup.2-x"\n', { user: "_backup.2-x" }],
    [`user = "${"u".repeat(32)}"\n`, { user: "u".repeat(32) }],
    ["memoryMaxBytes = 67108864\ntasksMax = 64\n", { memoryMaxBytes: 67_108_864, tasksMax: 64 }],
    [`stdin = true\n#${"x".repeat(MOST_BYTES - 14)}`, { stdin: true }],
  ])("%j are read", async (text, expected) => {
    await using command = await createCommand(text);
    expect(command.read()).toEqual(expected);
  });

  test.each([
    [`description = "${"x".repeat(201)}"\n`, "description"],
    ["timeoutSeconds = 0.0009\n", "timeoutSeconds"],
    ["timeoutSeconds = 31536001\n", "timeoutSeconds"],
    ["timeoutSeconds = inf\n", "timeoutSeconds"],
    ['user = "-backup"\n', "user"],
    ['user = ""\n', "user"],
    [`user = "${"u".repeat(33)}"\n`, "user"],
    ['stdin = "yes"\n', "stdin"],
    ["other = 1\n", "other"],
  ])("%j are refused", async (text, key) => {
    await using command = await createCommand(text);
    const { code, message } = errorOf(command.read);
    expect(code).toBe("BAD_CONFIG");
    expect(message).toContain(command.file);
    expect(message).toContain(key);
    expect(message).toEndWith("Correct the file, and call the command again");
  });

  test("that are missing describe nothing", async () => {
    await using command = await createCommand(undefined);
    expect(command.read()).toEqual({});
  });

  test.each(["", "# only a note\n"])("of the text %j, which sets nothing, are refused", async (text) => {
    await using command = await createCommand(text);
    expect(errorOf(command.read)).toMatchObject({
      code: "BAD_CONFIG",
      message: `Cannot use ${command.file}: it sets nothing\nWrite it, or remove it: rm ${command.file}`,
    });
  });

  test("that are too long are refused", async () => {
    await using command = await createCommand(`stdin = true\n#${"x".repeat(MOST_BYTES - 13)}`);
    expect(errorOf(command.read)).toMatchObject({
      code: "BAD_CONFIG",
      message: `Cannot use ${command.file}: it has more than 65536 bytes\nShorten it: ls -l ${command.file}`,
    });
  });

  test("that others may write are refused", async () => {
    await using command = await createCommand("stdin = true\n");
    await chmod(command.file, 0o666);
    expect(errorOf(command.read).message).toContain(command.file);
  });
});

test.each([
  ["#!/bin/sh\n# negotiator: Says hello\n", "Says hello"],
  ["#!/bin/sh\necho\n \t#\tnegotiator:Says hello \t\r\n", "Says hello"],
  ["#!/bin/sh\n# negotiator: one\n# negotiator: two\n", "one"],
  ["#!/bin/sh\n# negotiator: a\u001bb\n", "a\\x1bb"],
  [`#!/bin/sh\n# negotiator: ${"x".repeat(250)}\n`, "x".repeat(200)],
  ["#!/bin/sh\n# negotiator:\n", undefined],
  ["#!/bin/sh\necho # negotiator: no\n", undefined],
  ["# negotiator: not a script\n", undefined],
  ["", undefined],
])("the script %j has the comment %p", (text, expected) => {
  expect(commentIn(Buffer.from(text))).toBe(expected);
});
