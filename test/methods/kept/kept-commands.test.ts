/** The set of detached commands. */
import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { createKeptCommands } from "../../../src/methods/kept/kept-commands.ts";
import type { KeptCommands } from "../../../src/methods/kept/kept-commands.ts";
import { CALLER } from "../../support/served-commands.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const ASKER = { peer: CALLER };
const LIMITS = { ofPeer: 3, ofAll: 4, memoryBytes: 10, mostBytes: 1000, keepMs: 60_000, mostKeepMs: 90_000 };
const OUTPUT = "more than memory holds";

/** Adds a command that runs, with output in a file. */
async function begin(kept: KeptCommands): Promise<void> {
  const { stdout } = kept.begin(ASKER, { id: "a-call", command: "report", keepMs: undefined });
  await stdout.write(Buffer.from(OUTPUT));
}

test("the commands of a set that ends lose their files", async () => {
  await using spool = await createTemporaryDirectory();
  await using kept = createKeptCommands({ directory: spool.path, ...LIMITS });
  await begin(kept);
  expect(await readdir(spool.path)).toHaveLength(1);
  await kept[Symbol.asyncDispose]();
  expect([await readdir(spool.path), kept.list()]).toEqual([[], []]);
});

test("saved commands keep their files after the end of their set, for the next one", async () => {
  await using spool = await createTemporaryDirectory();
  const kept = createKeptCommands({ directory: spool.path, ...LIMITS });
  await begin(kept);
  const saved = await kept.save();
  expect(kept.list()).toEqual([]);
  await kept[Symbol.asyncDispose]();
  await using next = createKeptCommands({ directory: spool.path, ...LIMITS });
  next.thaw(saved);
  const { value } = await next.find("a-call", ASKER).stdout.read(0).next();
  expect(Buffer.from(value ?? []).toString()).toBe(OUTPUT);
});
