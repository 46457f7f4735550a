/** Files and directories of commands whose way cannot be judged to its end. */
import { expect, test } from "bun:test";
import { chmod, mkdir, open, rm, symlink } from "node:fs/promises";
import { listCommands, resolveCommand } from "../../src/methods/commands.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";

/** The directories `first`, which the test makes, and `second` with the command `uptime`. */
async function createSources(directory: TemporaryDirectory) {
  await mkdir(directory.at("second"), { mode: 0o755 });
  await chmod(await directory.write("second/uptime", "#!/bin/sh\n"), 0o755);
  const directories = [directory.at("first"), directory.at("second")];
  return { directories, builtins: [], uid: process.getuid?.() ?? 0 };
}

test("a link to a removed file that is still open gets NOT_EXECUTABLE", async () => {
  await using directory = await createTemporaryDirectory();
  const sources = await createSources(directory);
  await mkdir(directory.at("first"), { mode: 0o755 });
  await using file = await open(await directory.write("open", "#!/bin/sh\n"), "r");
  await file.chmod(0o755);
  await symlink(`/proc/self/fd/${file.fd}`, directory.at("first/tool"));
  await rm(directory.at("open"));
  const { commands, problems } = await listCommands(sources);
  expect(commands.map(({ name }) => name)).toEqual(["uptime"]);
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("it is a link that leads nowhere\nSee where with: readlink -f "),
  ]);
  const error = await rejectionOf(resolveCommand("tool", sources, () => true));
  expect(error).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: 'Cannot run "tool": it is a link that leads nowhere',
  });
});

test.each([
  ["to itself", "first"],
  ["to nowhere", "nowhere"],
  ["through a file", "second/uptime/first"],
])("a directory that is a link %s hides no command of the next directory", async (_, target) => {
  await using directory = await createTemporaryDirectory();
  const sources = await createSources(directory);
  await symlink(target, directory.at("first"));
  for (let count = 0; count < 3; count++) {
    const command = await resolveCommand("uptime", sources, () => true);
    expect(command).toMatchObject({ path: directory.at("second/uptime") });
  }
});
