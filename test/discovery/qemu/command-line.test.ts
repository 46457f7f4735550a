/** The memory of command lines: each process is read once, and forgotten when it has ended. */
import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { createCommandLines } from "../../../src/discovery/qemu/command-line.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { addProcess, START } from "./made-up-host.ts";

const { signal } = new AbortController();
const OWNER = { pid: 11, startTicks: START };

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

async function createLines() {
  const directory = await createTemporaryDirectory();
  await addProcess(directory, 11, ["one"]);
  const lines = createCommandLines(directory.at("proc"));
  return {
    lines,
    directory,
    change: (text: string) => directory.write("proc/11/cmdline", text),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("a command line that was read stays known, until keep forgets its process", async () => {
  await using sample = await createLines();
  const { lines, change } = sample;
  expect(textOf(await lines.read(OWNER, signal))).toBe("qemu\0one\0");
  await change("other\0");
  lines.keep([OWNER, { pid: 12, startTicks: START }]);
  expect(textOf(await lines.read(OWNER, signal))).toBe("qemu\0one\0");
  lines.keep([{ pid: 11, startTicks: START + 1 }]);
  expect(textOf(await lines.read(OWNER, signal))).toBe("other\0");
});

test("the command line of a later process with the same id is not given for the first one", async () => {
  await using sample = await createLines();
  const { lines } = sample;
  expect(await lines.read({ pid: 11, startTicks: START - 1 }, signal)).toBeUndefined();
  expect(textOf(await lines.read(OWNER, signal))).toBe("qemu\0one\0");
});

test("a process that has ended has no command line, and is looked for again", async () => {
  await using sample = await createLines();
  const { lines, directory } = sample;
  await rm(directory.at("proc/11"), { recursive: true });
  expect(await lines.read(OWNER, signal)).toBeUndefined();
  await addProcess(directory, 11, ["two"]);
  expect(textOf(await lines.read(OWNER, signal))).toBe("qemu\0two\0");
});
