/** A call is judged at its start, also if the same command was judged before. */
import { expect, test } from "bun:test";
import { chmod, mkdir, rm, symlink } from "node:fs/promises";
import { resolveCommand } from "../../src/methods/commands.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

/** A directory `first` with the command `uptime`, which was resolved three times. */
async function createCommands() {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  await mkdir(directory.at("first"), { mode: 0o755 });
  const add = async (name: string, text: string, mode: number): Promise<void> => {
    await chmod(await directory.write(name, text), mode);
  };
  await add("first/uptime", "#!/bin/sh\n", 0o755);
  const sources = { directories: [directory.at("first")], builtins: [], uid: process.getuid?.() ?? 0 };
  const resolve = () => resolveCommand("uptime", sources, () => true);
  for (let count = 0; count < 3; count++) expect(await resolve()).toMatchObject({ kind: "user" });
  const ownedForTest = owned.move();
  return {
    at: (name: string): string => directory.at(name),
    add,
    resolve,
    [Symbol.asyncDispose]: () => ownedForTest.disposeAsync(),
  };
}

type Commands = Awaited<ReturnType<typeof createCommands>>;

const CHANGES: [string, (commands: Commands) => Promise<unknown>, string][] = [
  [
    "others may write to the file",
    ({ at }) => chmod(at("first/uptime"), 0o757),
    'Cannot run "uptime": it can be written by others',
  ],
  [
    "the file has no executable bit",
    ({ at }) => chmod(at("first/uptime"), 0o644),
    'Cannot run "uptime": it has no executable bit',
  ],
  [
    "its NAME.toml is invalid",
    ({ add }) => add("first/uptime.toml", "= broken", 0o644),
    'Cannot run "uptime": its file uptime.toml has a mistake',
  ],
  [
    "others may write to its directory",
    ({ at }) => chmod(at("first"), 0o757),
    'Cannot run "uptime": the directory it is in can be written by others',
  ],
  [
    "the file is a link to nowhere",
    async ({ at }) => {
      await rm(at("first/uptime"));
      await symlink("nowhere", at("first/uptime"));
    },
    'Cannot run "uptime": it is a link that leads nowhere',
  ],
];

test.each(CHANGES)("a command that was resolved before is judged again: %s", async (_, change, message) => {
  await using commands = await createCommands();
  await change(commands);
  expect((await rejectionOf(commands.resolve())).message).toBe(message);
});

test("a NAME.toml that appears between two calls counts for the second", async () => {
  await using commands = await createCommands();
  expect(await commands.resolve()).not.toHaveProperty("user");
  await commands.add("first/uptime.toml", 'user = "backup"\n', 0o644);
  expect(await commands.resolve()).toMatchObject({ user: "backup" });
  await commands.add("first/uptime.toml", 'user = "daemon"\n', 0o644);
  expect(await commands.resolve()).toMatchObject({ user: "daemon" });
});
