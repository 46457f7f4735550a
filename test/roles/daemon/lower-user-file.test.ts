/** The lower users of commands, from one daemon to the next. */
import { expect, test } from "bun:test";
import { chmod, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createLowerUserFile } from "../../../src/roles/daemon/lower-user-file.ts";
import { createTestCatalogue } from "../../support/catalogue.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const isRoot = process.getuid?.() === 0;

/** A directory with the command `backup`, which runs as `daemon`; and starts of its catalogue. */
async function createStage() {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const place = directory.at("state");
  const directories = [directory.at("commands")];
  await directory.write("commands/backup.toml", 'user = "daemon"\n');
  await chmod(await directory.write("commands/backup", "#!/bin/sh\n"), 0o755);
  const ownedForTest = owned.move();
  return {
    settings: directory.at("commands/backup.toml"),
    place,
    files: async () => (await readdir(place)).map((name) => `${place}/${name}`),
    start() {
      const lowerUsers = createLowerUserFile(place, "host", () => directories);
      const catalogue = createTestCatalogue(() => ({ directories, builtins: [], uid: 0 }), { lowerUsers });
      return {
        find: () => catalogue.find("backup", () => true),
        reload: () => catalogue.reload(),
        [Symbol.dispose]: () => catalogue[Symbol.dispose](),
      };
    },
    [Symbol.asyncDispose]: () => ownedForTest.disposeAsync(),
  };
}

test.if(isRoot)("a command whose settings went away is refused after a restart, until a reload", async () => {
  await using stage = await createStage();
  {
    using first = stage.start();
    expect(await first.find()).toMatchObject({ user: "daemon" });
  }
  await rm(stage.settings);
  {
    using second = stage.start();
    expect(await rejectionOf(second.find())).toMatchObject({ code: "NOT_EXECUTABLE" });
    await second.reload();
    expect(await second.find()).not.toHaveProperty("user");
  }
  using third = stage.start();
  expect(await third.find()).not.toHaveProperty("user");
  const modes = await Promise.all((await stage.files()).map(async (path) => (await stat(path)).mode & 0o777));
  expect({ modes, place: (await stat(stage.place)).mode & 0o777 }).toEqual({ modes: [0o600], place: 0o700 });
});

test.if(isRoot).each([
  ["others could write", async (path: string) => chmod(path, 0o666)],
  ["is not of this release", async (path: string) => writeFile(path, '{"version":7}')],
  ["is damaged", async (path: string) => writeFile(path, '{"version":1,"held":[["n')],
])("a file that %s is left out: the commands are taken as they are", async (_, damage) => {
  await using stage = await createStage();
  {
    using first = stage.start();
    await first.find();
  }
  for (const path of await stage.files()) await damage(path);
  await rm(stage.settings);
  using second = stage.start();
  expect(await second.find()).not.toHaveProperty("user");
});

test.if(isRoot)("without a lower user nothing is written", async () => {
  await using stage = await createStage();
  await rm(stage.settings);
  using first = stage.start();
  await first.find();
  expect(await stage.files().catch(() => "none")).toBe("none");
});

test.if(isRoot)("nothing is written into a directory that others could change", async () => {
  await using stage = await createStage();
  await mkdir(stage.place);
  await chmod(stage.place, 0o777);
  using first = stage.start();
  expect(await first.find()).toMatchObject({ user: "daemon" });
  expect(await stage.files()).toEqual([]);
});
