/** The file with the list of detached calls. */
import { expect, test } from "bun:test";
import { readKeptFile, writeKeptFile } from "../../../src/roles/daemon/kept-file.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

/** The most that a config allows, and the longest names that a peer can give. */
const CALLS = 1000;
const NAME = "\u0001".repeat(256);

test("a thousand calls whose callers have the longest names are read again", async () => {
  await using place = await createTemporaryDirectory();
  const output = {
    hasFile: false,
    start: 0,
    end: 0,
    pending: new Uint8Array(0),
    isEnded: true,
    isTruncated: false,
  };
  const commands = Array.from({ length: CALLS }, (_, number) => ({
    peer: { via: "guest", name: "web1" } as const,
    user: { uid: 0, name: NAME, program: NAME },
    id: `${number}`.padStart(64, "x"),
    command: "c".repeat(255),
    number,
    mostBytes: 65_536,
    keepMs: 1000,
    startedMs: 5,
    stdout: output,
    stderr: output,
  }));
  await writeKeptFile(place.path, { fileCount: CALLS, commands });
  expect(readKeptFile(place.path)?.kept.commands).toHaveLength(CALLS);
});
