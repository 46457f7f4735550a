/** The commands of a daemon: a call gets script and settings of one generation, and no rights by absence. */
import { expect, setSystemTime, test } from "bun:test";
import { chmod, lstat, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { loadGeneration } from "../../../src/methods/commands.ts";
import type { CommandSources } from "../../../src/methods/commands.ts";
import { createTicker } from "../../../src/peers/ticker.ts";
import type { CatalogueOptions } from "../../../src/roles/daemon/command-catalogue.ts";
import { createTestCatalogue } from "../../support/catalogue.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const isRoot = process.getuid?.() === 0;
const UID = process.getuid?.() ?? 0;
const isOffered = (): boolean => true;

/** The directories `first` and `second`; `first` has the command `backup`, which runs as `daemon`. */
async function createStage(changes: Partial<CatalogueOptions> = {}) {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  for (const name of ["first", "second"]) await mkdir(directory.at(name), { mode: 0o755 });
  const add = async (name: string, text = "#!/bin/sh\n"): Promise<void> => {
    await chmod(await directory.write(name, text), name.endsWith(".toml") ? 0o644 : 0o755);
  };
  await add("first/backup.toml", 'user = "daemon"\n');
  await add("first/backup");
  const sources = (): CommandSources => ({
    directories: [directory.at("first"), directory.at("second")],
    builtins: [],
    uid: UID,
  });
  const catalogue = owned.use(createTestCatalogue(sources, changes));
  const ownedForTest = owned.move();
  return {
    at: (name: string): string => directory.at(name),
    add,
    catalogue,
    find: (name = "backup") => catalogue.find(name, isOffered),
    errorOf: (name = "backup") => rejectionOf(catalogue.find(name, isOffered)),
    names: async () => (await catalogue.list()).commands.map(({ name }) => name),
    [Symbol.asyncDispose]: () => ownedForTest.disposeAsync(),
  };
}

type Stage = Awaited<ReturnType<typeof createStage>>;

test("a new file is found at the next call, and is in the next list", async () => {
  await using stage = await createStage();
  expect(await stage.find()).toMatchObject({ user: "daemon" });
  await stage.add("second/new");
  expect(await stage.find("new")).toMatchObject({ path: stage.at("second/new") });
  await stage.add("first/new");
  expect(await stage.find("new")).toMatchObject({ path: stage.at("second/new") });
  expect(await stage.names()).toEqual(["backup", "new"]);
  expect(["backup", "new", "none"].map((name) => stage.catalogue.has(name))).toEqual([true, true, false]);
  expect(await stage.find("new")).toMatchObject({ path: stage.at("first/new") });
});

test("a new file is loaded by itself, without a call", async () => {
  let loads = 0;
  const load: CatalogueOptions["load"] = (sources) => {
    loads++;
    return loadGeneration(sources);
  };
  await using stage = await createStage({ load, tick: createTicker() });
  await stage.find();
  const before = loads;
  await stage.add("first/new");
  await until("the commands are loaded again", () => loads > before);
  expect(await stage.find("new")).toMatchObject({ name: "new" });
});

test.each([
  ["back", -1],
  ["forth", 1],
])("a call that waits for a new file gets it when the clock goes a year %s", async (_, years) => {
  await using stage = await createStage({ restMs: 200, waitMs: 30_000 });
  await stage.find();
  await stage.add("first/new");
  const found = stage.find("new");
  setSystemTime(Date.now() + years * 365 * 24 * 3_600_000);
  try {
    expect(await found).toMatchObject({ name: "new" });
    expect(await stage.names()).toEqual(["backup", "new"]);
  } finally {
    setSystemTime();
  }
});

test("an unchanged directory is loaded once for many calls", async () => {
  let loads = 0;
  const load: CatalogueOptions["load"] = (sources) => {
    loads++;
    return loadGeneration(sources);
  };
  await using stage = await createStage({ load });
  await stage.find();
  const before = loads;
  for (let count = 0; count < 20; count++) {
    await stage.find();
    await stage.errorOf("unknown");
    await stage.names();
  }
  expect(loads).toBe(before);
});

const ABSENCES: [string, (stage: Stage) => Promise<unknown>][] = [
  ["are missing", ({ at }) => rm(at("first/backup.toml"))],
  ["have another name", ({ at }) => rename(at("first/backup.toml"), at("first/backup.toml.old"))],
  ["name no user", ({ add }) => add("first/backup.toml", "timeoutSeconds = 5\n")],
  ["name root", ({ add }) => add("first/backup.toml", 'user = "root"\n')],
  [
    "are missing, and the script was replaced",
    async ({ at, add }) => {
      await rm(at("first/backup.toml"));
      await add("first/other");
      await rename(at("first/other"), at("first/backup"));
    },
  ],
  [
    "are missing, and another directory has the name",
    async ({ at, add }) => {
      await rm(at("first/backup"));
      await add("second/backup");
    },
  ],
];

test.if(isRoot).each(ABSENCES)(
  "a command that ran as a lower user is refused until a reload when its settings %s (needs root)",
  async (_, change) => {
    await using stage = await createStage();
    expect(await stage.find()).toMatchObject({ user: "daemon" });
    await change(stage);
    const error = await stage.errorOf();
    expect(error).toMatchObject({
      code: "NOT_EXECUTABLE",
      message: 'Cannot run "backup": its settings no longer say who is to run it',
    });
    expect(String(error.cause)).toContain('it ran as the user "daemon"');
    expect(String(error.cause)).toEndWith("take it as it is: negotiator host reload");
    expect(await stage.errorOf()).toMatchObject({ code: "NOT_EXECUTABLE" });
    expect((await stage.catalogue.reload()).problem).toBeUndefined();
    expect(await stage.find()).not.toMatchObject({ user: "daemon" });
  },
);

test.if(isRoot)(
  "a script with another name is still the one that ran as a lower user (needs root)",
  async () => {
    await using stage = await createStage();
    await stage.find();
    await rename(stage.at("first/backup"), stage.at("first/renamed"));
    expect(await stage.errorOf("renamed")).toMatchObject({ code: "NOT_EXECUTABLE" });
    await symlink("renamed", stage.at("first/link"));
    expect(await stage.errorOf("link")).toMatchObject({ code: "NOT_EXECUTABLE" });
    await stage.catalogue.reload();
    expect(await stage.find("renamed")).not.toHaveProperty("user");
  },
);

test.if(isRoot)(
  "a new script in the place of a removed one on the disk is another one (needs root)",
  async () => {
    await using stage = await createStage();
    await stage.find();
    const { ino } = await lstat(stage.at("first/backup"));
    await rm(stage.at("first/backup"));
    // Most file systems give the inode to one of the next files.
    const names = Array.from({ length: 50 }, (_, index) => `new-${index}`);
    for (const name of names) await stage.add(`first/${name}`);
    const all = await Promise.all(names.map((name) => lstat(stage.at(`first/${name}`))));
    if (!all.some((status) => status.ino === ino))
      console.log("this file system did not use the inode again");
    for (const name of names) expect(await stage.find(name)).not.toHaveProperty("user");
  },
);

test.if(isRoot)("a second name of a file keeps the user that it had at the start (needs root)", async () => {
  await using stage = await createStage();
  await symlink("backup", stage.at("first/second-name"));
  await stage.catalogue.reload();
  await stage.add("first/other");
  await stage.find("other");
  expect(await stage.find("second-name")).not.toHaveProperty("user");
  expect(await stage.find()).toMatchObject({ user: "daemon" });
});

test.if(isRoot)("settings that name a lower user again end the refusal (needs root)", async () => {
  await using stage = await createStage();
  await stage.find();
  await rm(stage.at("first/backup.toml"));
  await stage.errorOf();
  await stage.add("first/backup.toml", 'user = "nobody"\n');
  expect(await stage.find()).toMatchObject({ user: "nobody" });
});

test.each([
  ["empty", ""],
  ["with comments only", "# user comes here\n"],
  ["half-written", 'user = "dae'],
])("a command whose settings are %s is refused, also one that never ran", async (_, text) => {
  await using stage = await createStage();
  await stage.add("first/new.toml", text);
  await stage.add("first/new");
  expect(await stage.errorOf("new")).toMatchObject({
    code: "BAD_CONFIG",
    message: 'Cannot run "new": its file new.toml has a mistake',
  });
});

test("a script without settings runs as the daemon's user", async () => {
  await using stage = await createStage();
  await stage.add("first/plain");
  expect(await stage.find("plain")).not.toHaveProperty("user");
});

const CHANGES: [string, (stage: Stage) => Promise<unknown>][] = [
  ["its script changes", ({ at }) => writeFile(at("first/backup"), "#!/bin/sh\n# other\n")],
  ["its settings change", ({ add }) => add("first/backup.toml", 'user = "nobody"\n')],
  ["its settings go", ({ at }) => rm(at("first/backup.toml"))],
  ["others may write to its directory", ({ at }) => chmod(at("first"), 0o757)],
];

test.each(CHANGES)("a command that was found is not started after %s", async (_, change) => {
  await using stage = await createStage();
  const command = await stage.find();
  stage.catalogue.check(command);
  await change(stage);
  const { code, message } = errorOf(() => stage.catalogue.check(command));
  expect({ code, message }).toEqual({
    code: "BUSY",
    message: 'Cannot run "backup": its files are being changed',
  });
});

const CHANGING = "The old commands stay: their files are being changed";

/** Writes a script again and again until it is disposed. */
function writeAgain(path: string): AsyncDisposable {
  const writing = new AbortController();
  const written = (async () => {
    for (let count = 0; !writing.signal.aborted; count++) await writeFile(path, `#!/bin/sh\n# ${count}\n`);
  })();
  return {
    async [Symbol.asyncDispose]() {
      writing.abort();
      await written;
    },
  };
}

test("a command whose files never come to rest is refused after some time, others are not", async () => {
  await using stage = await createStage({ restMs: 300, waitMs: 2000 });
  await stage.add("first/steady");
  await stage.find("steady");
  await using writing = writeAgain(stage.at("first/backup"));
  const isRefused = (): Promise<boolean> =>
    stage.find().then(
      () => false,
      (thrown: unknown) => NegotiatorError.from(thrown).code === "BUSY",
    );
  await until("the script changes", isRefused);
  expect(await stage.find("steady")).toMatchObject({ name: "steady" });
  // On a busy machine the writer may pause for longer than files need to be at rest.
  await until(
    "a reload finds them changing",
    async () => (await stage.catalogue.reload()).problem === CHANGING,
  );
  await writing[Symbol.asyncDispose]();
  expect(await stage.find()).toMatchObject({ user: "daemon" });
});

test("a call whose deadline passes while its files are being changed gets TIMEOUT", async () => {
  await using stage = await createStage({ restMs: 60_000, waitMs: 120_000 });
  const error = await rejectionOf(stage.catalogue.find("backup", isOffered, { timeoutMs: 50 }));
  expect(error).toMatchObject({
    code: "TIMEOUT",
    message: expect.stringContaining('Cannot run "backup": its deadline passed while its files were'),
  });
});

test("a directory that cannot be read refuses the names behind it, and not those before it", async () => {
  await using stage = await createStage();
  await stage.add("second/later");
  await rm(stage.at("second"), { recursive: true });
  await stage.add("second", "not a directory");
  expect(await stage.find()).toMatchObject({ name: "backup" });
  expect(await stage.errorOf("later")).toMatchObject({
    message: 'Cannot run "later": a directory of commands cannot be read',
  });
});

test("a reload counts the files that are not offered", async () => {
  await using stage = await createStage();
  await stage.add("first/report.v2");
  await stage.add("first/.hidden");
  await stage.add("first/broken.toml", "=");
  await stage.add("first/broken");
  expect((await stage.catalogue.reload()).warnings).toEqual([
    "3 files are not offered as a command; see why: negotiator host check-commands",
  ]);
});
