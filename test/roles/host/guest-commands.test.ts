/** The commands that a host keeps for guests that have only the QEMU guest agent. */
import { expect, test } from "bun:test";
import { chmod, utimes } from "node:fs/promises";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { guestCommands } from "../../../src/roles/host/guest-commands.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

async function openKept() {
  const directory = await createTemporaryDirectory();
  const host = { ...DEFAULTS.host, guestCommandsDirectory: directory.path };
  const write = async (name: string, text: string): Promise<void> =>
    chmod(await directory.write(name, text), 0o755);
  return { directory, write, commands: guestCommands("web1", () => ({ ...DEFAULTS, host })) };
}

const textOf = ({ program }: { program: Uint8Array }): string => Buffer.from(program).toString();

test("an interpreter that only the guest has is not looked for on the host", async () => {
  const { directory, write, commands } = await openKept();
  await using _ = directory;
  await write("hello", "#!/opt/only-in-the-guest/python3\n");
  await write("by-env", "#!/usr/bin/env no-such-interpreter -x\n");
  expect((await commands.list()).map(({ name }) => name)).toEqual(["by-env", "hello"]);
  expect(textOf(await commands.read("hello"))).toBe("#!/opt/only-in-the-guest/python3\n");
});

test("an interpreter on the host that others may write to does not matter, such a command does", async () => {
  const { directory, write, commands } = await openKept();
  await using _ = directory;
  await write("open-interpreter", "#!/bin/true\n");
  await chmod(directory.at("open-interpreter"), 0o777);
  await write("hello", `#!${directory.at("open-interpreter")}\n`);
  expect((await commands.list()).map(({ name }) => name)).toEqual(["hello"]);
  expect((await rejectionOf(commands.read("open-interpreter"))).code).toBe("NOT_EXECUTABLE");
});

test("a changed command, a new one and a new directory count at the next call", async () => {
  const { directory, write, commands } = await openKept();
  await using _ = directory;
  await write("hello", "#!/bin/sh\n# one\n");
  expect(textOf(await commands.read("hello"))).toContain("one");
  await write("hello", "#!/bin/sh\n# two\n");
  expect(textOf(await commands.read("hello"))).toContain("two");
  await write("web*/hello", "#!/bin/sh\n# three\n");
  await write("db*/other", "#!/bin/sh\n");
  expect(textOf(await commands.read("hello"))).toContain("three");
  expect((await commands.list()).map(({ name }) => name)).toEqual(["hello"]);
  await utimes(directory.at("hello"), 1, 1);
  expect(textOf(await commands.read("hello"))).toContain("three");
});
