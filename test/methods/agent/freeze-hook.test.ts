/** The hook of a freeze is a program of root, so no other user may be able to write it. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { createFreezeCommands } from "../../../src/methods/agent/freeze.ts";
import type { CallContext } from "../../../src/methods/method.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test.each([
  ["that others can write", "hook", 0o777],
  ["in a directory in which others can replace it", ".", 0o777],
])("a hook %s is refused, and does not run", async (_, open, mode) => {
  await using directory = await createTemporaryDirectory();
  const hook = await directory.write("etc/hook", `#!/bin/sh\ntouch ${directory.at("ran")}\n`);
  await chmod(hook, 0o755);
  await chmod(directory.at(`etc/${open}`), mode);
  const lockFile = directory.at("lock");
  const { commands } = createFreezeCommands({ lockFile, limitMs: 1000, hook });
  const freeze = commands.find(({ name }) => name === "guest-fsfreeze-freeze-list");
  // No file system is frozen, also if the hook runs.
  const context = { grant: {}, begin: () => Promise.resolve() };
  const run = async (): Promise<unknown> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it uses no other member
    freeze?.method.prepare({ mountpoints: [] }).run(context as CallContext);
  const { result, stderr } = await spyOnOutput(() => rejectionOf(run()));
  expect(result.message).toStartWith(`Cannot run the fsfreeze hook "${hook}": `);
  expect(stderr).toContain("Cannot run the fsfreeze hook");
  expect(await Bun.file(directory.at("ran")).exists()).toBe(false);
});
