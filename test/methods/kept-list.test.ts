/** The kept list of commands: each change shows at the next call; without one, nothing is judged again. */
import { expect, test } from "bun:test";
import {
  appendFile,
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { listCommands } from "../../src/methods/commands.ts";
import { createKeptList } from "../../src/methods/kept-list.ts";
import { USER_FILES } from "../../src/trust/users.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const UID = process.getuid?.() ?? 0;
const OTHER_USER = 65_534;
/** The mtime of a file, which a restored file may have again. */
const OLD_SECONDS = 1_700_000_000;
/** To the list, all files are older than this. */
const LATER_MS = 60_000;

/**
 * The directories `app/first`, `app/second` and `linked`, which is a link to `app/real`; `missing/commands`
 * does not exist. Each of them has a command, and `app/first` has more.
 */
async function createStage() {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const probe = owned.use(await createTemporaryDirectory());
  const at = (name: string): string => directory.at(name);
  const add = async (name: string, text: string, mode = 0o755): Promise<string> => {
    const path = await directory.write(name, text);
    await chmod(path, mode);
    return path;
  };
  for (const name of ["app", "app/first", "app/second", "app/real", "tools", "other"])
    await mkdir(at(name), { mode: 0o755 });
  await utimes(await add("app/first/backup", script("backs up")), OLD_SECONDS, OLD_SECONDS);
  await add("app/first/clean", script("cleans"));
  await add("app/first/clean.toml", "timeoutSeconds = 11\n", 0o644);
  await add("app/first/notes", script("notes"), 0o644);
  await add("tools/tool", script("a tool"));
  await add("tools/tool.toml", "timeoutSeconds = 22\n", 0o644);
  await symlink(at("tools/tool"), at("app/first/tool"));
  await symlink(at("tools/tool.toml"), at("app/first/tool.toml"));
  await symlink(at("tools/later"), at("app/first/later"));
  await add("app/second/second", script("second"));
  await add("app/real/linked", script("linked"));
  await symlink("app/real", at("linked"));
  await symlink("app", at("way"));
  await add("other/backup", script("other"));
  let directories = [at("way/first"), at("app/second"), at("linked"), at("missing/commands")];
  let judgements = 0;
  const sources = () => ({ directories, builtins: NO_BUILTINS, uid: UID });
  const options = {
    sources,
    judge: (...words: Parameters<typeof listCommands>) => {
      judgements++;
      return listCommands(...words);
    },
  };
  const list = createKeptList({ ...options, nowMs: () => Date.now() + LATER_MS });
  const ownedForStage = owned.move();
  return {
    at,
    add,
    list,
    options,
    setDirectories: (next: string[]) => void (directories = next),
    judgements: () => judgements,
    /** Each command with its description and deadline. */
    shown: async () => summarise(await list()),
    judged: async () => summarise(await listCommands(sources())),
    /** Old kernels give two changes within a few milliseconds the same time. */
    async awaitClock() {
      const path = probe.at("probe");
      const ctimeMs = async () => (await writeFile(path, "x").then(() => lstat(path))).ctimeMs;
      const before = await ctimeMs();
      await until("the file system's clock goes on", async () => (await ctimeMs()) > before);
    },
    [Symbol.asyncDispose]: () => ownedForStage.disposeAsync(),
  };
}

type Stage = Awaited<ReturnType<typeof createStage>>;

const NO_BUILTINS: readonly [] = [];

function script(description: string): string {
  return `#!/bin/sh\n# negotiator: ${description}\n`;
}

function summarise({ commands }: Awaited<ReturnType<typeof listCommands>>): string[] {
  return commands.map((command) => {
    const timeout = command.kind === "user" ? command.timeoutSeconds : undefined;
    return `${command.name}: ${command.description}${timeout === undefined ? "" : `, ${timeout} s`}`;
  });
}

const ALL = [
  "backup: backs up",
  "clean: cleans, 11 s",
  "linked: linked",
  "second: second",
  "tool: a tool, 22 s",
];
const without = (...names: string[]): string[] =>
  ALL.filter((line) => !names.some((name) => line.startsWith(name)));
const withLines = (...lines: string[]): string[] =>
  [...without(...lines.map((line) => line.replace(/:.*/, ":"))), ...lines].sort();
const OF_FIRST = ["backup", "clean", "tool"];

type Change = [title: string, change: (stage: Stage) => Promise<unknown>, shown: string[]];

const CHANGES: Change[] = [
  ["a file is added", ({ add }) => add("app/first/new", script("new")), withLines("new: new")],
  ["a file is removed", ({ at }) => rm(at("app/first/backup")), without("backup")],
  [
    "a file is renamed",
    ({ at }) => rename(at("app/first/backup"), at("app/first/b")),
    withLines("b: backs up").filter((line) => !line.startsWith("backup")),
  ],
  [
    "a file is replaced",
    ({ at }) => rename(at("other/backup"), at("app/first/backup")),
    withLines("backup: other"),
  ],
  [
    "the description in a script changes, of the same length",
    ({ at }) => writeFile(at("app/first/backup"), script("BACKS UP")),
    withLines("backup: BACKS UP"),
  ],
  [
    "a script changes and gets its old mtime back",
    async ({ at }) => {
      await writeFile(at("app/first/backup"), script("BACKS UP"));
      await utimes(at("app/first/backup"), OLD_SECONDS, OLD_SECONDS);
    },
    withLines("backup: BACKS UP"),
  ],
  ["a command loses its executable bit", ({ at }) => chmod(at("app/first/backup"), 0o644), without("backup")],
  [
    "a file gets the executable bit",
    ({ at }) => chmod(at("app/first/notes"), 0o755),
    withLines("notes: notes"),
  ],
  ["others may write to a command", ({ at }) => chmod(at("app/first/backup"), 0o757), without("backup")],
  [
    "a NAME.toml is added",
    ({ add }) => add("app/first/backup.toml", "timeoutSeconds = 3\n", 0o644),
    withLines("backup: backs up, 3 s"),
  ],
  [
    "a NAME.toml changes, of the same length",
    ({ at }) => writeFile(at("app/first/clean.toml"), "timeoutSeconds = 12\n"),
    withLines("clean: cleans, 12 s"),
  ],
  ["a NAME.toml becomes invalid", ({ at }) => appendFile(at("app/first/clean.toml"), "="), without("clean")],
  ["a NAME.toml is removed", ({ at }) => rm(at("app/first/clean.toml")), withLines("clean: cleans")],
  ["others may write to a NAME.toml", ({ at }) => chmod(at("app/first/clean.toml"), 0o646), without("clean")],
  ["others may write to a directory", ({ at }) => chmod(at("app/first"), 0o757), without(...OF_FIRST)],
  [
    "others may write to a parent",
    ({ at }) => chmod(at("app"), 0o757),
    without(...OF_FIRST, "second", "linked"),
  ],
  [
    "a directory is replaced",
    async ({ at }) => {
      await rename(at("app/first"), at("old"));
      await rename(at("other"), at("app/first"));
    },
    [...without(...OF_FIRST), "backup: other"].sort(),
  ],
  [
    "a parent is replaced",
    async ({ at, add }) => {
      await rename(at("app"), at("old"));
      await mkdir(at("app"), { mode: 0o755 });
      await add("app/first/backup", script("in the new parent"));
      await chmod(at("app/first"), 0o755);
    },
    ["backup: in the new parent"],
  ],
  ["a directory is removed", ({ at }) => rm(at("app/second"), { recursive: true }), without("second")],
  [
    "a missing directory is created",
    async ({ at, add }) => {
      await add("missing/commands/found", script("found"));
      for (const name of ["missing", "missing/commands"]) await chmod(at(name), 0o755);
    },
    withLines("found: found"),
  ],
  [
    "the link of a directory leads elsewhere",
    ({ at }) => repoint(at("other"), at("linked")),
    without("linked"),
  ],
  [
    "a link on the way leads elsewhere",
    async ({ at, add }) => {
      await add("tools/first/backup", script("of tools"));
      await chmod(at("tools/first"), 0o755);
      await repoint(at("tools"), at("way"));
    },
    [...without(...OF_FIRST), "backup: of tools"].sort(),
  ],
  [
    "a linked directory gets a file",
    ({ add }) => add("app/real/more", script("more")),
    withLines("more: more"),
  ],
  [
    "the link of a command leads elsewhere",
    ({ at }) => repoint(at("other/backup"), at("app/first/tool")),
    withLines("tool: other, 22 s"),
  ],
  [
    "the target of a command's link changes, of the same length",
    ({ at }) => writeFile(at("tools/tool"), script("A TOOL")),
    withLines("tool: A TOOL, 22 s"),
  ],
  ["others may write to the target of a link", ({ at }) => chmod(at("tools/tool"), 0o757), without("tool")],
  ["others may write to the directory of a target", ({ at }) => chmod(at("tools"), 0o757), without("tool")],
  [
    "the target of a dangling link is created",
    ({ add }) => add("tools/later", script("later")),
    withLines("later: later"),
  ],
  ["the target of a link is removed", ({ at }) => rm(at("tools/tool")), without("tool")],
  [
    "the target of a NAME.toml's link changes, of the same length",
    ({ at }) => writeFile(at("tools/tool.toml"), "timeoutSeconds = 33\n"),
    withLines("tool: a tool, 33 s"),
  ],
  [
    "the link of a NAME.toml leads elsewhere",
    async ({ at, add }) => repoint(await add("other/its.toml", "", 0o644), at("app/first/tool.toml")),
    withLines("tool: a tool"),
  ],
  [
    "an earlier directory hides a command",
    ({ add }) => add("app/first/second", "no script"),
    withLines("second: undefined"),
  ],
  [
    "other directories are set",
    async ({ at, setDirectories }) => setDirectories([at("other")]),
    ["backup: other"],
  ],
];

const CHANGES_OF_OWNERS: Change[] = [
  ["a command", ({ at }) => chown(at("app/first/backup"), OTHER_USER, 0), without("backup")],
  ["a NAME.toml", ({ at }) => chown(at("app/first/clean.toml"), OTHER_USER, 0), without("clean")],
  ["a directory", ({ at }) => chown(at("app/second"), OTHER_USER, 0), without("second")],
  ["a parent", ({ at }) => chown(at("app"), OTHER_USER, 0), without(...OF_FIRST, "second", "linked")],
  ["a link", ({ at }) => lchown(at("app/first/tool"), OTHER_USER, 0), without("tool")],
  ["the link of a directory", ({ at }) => lchown(at("linked"), OTHER_USER, 0), without("linked")],
  ["a link on the way", ({ at }) => lchown(at("way"), OTHER_USER, 0), without(...OF_FIRST)],
];

async function repoint(target: string, link: string): Promise<void> {
  await symlink(target, `${link}.new`);
  await rename(`${link}.new`, link);
}

async function expectShown(change: Change[1], shown: string[]): Promise<void> {
  await using stage = await createStage();
  await stage.awaitClock();
  expect(await stage.shown()).toEqual(ALL);
  expect(await stage.shown()).toEqual(ALL);
  expect(stage.judgements()).toBe(1);
  await change(stage);
  expect(await stage.shown()).toEqual(shown);
  expect(await stage.judged()).toEqual(shown);
}

test.each(CHANGES)("the next list shows that %s", async (_, change, shown) => {
  await expectShown(change, shown);
});

test.if(UID === 0).each(CHANGES_OF_OWNERS)(
  "the next list shows that %s got another owner (needs root)",
  async (_, change, shown) => {
    await expectShown(change, shown);
  },
);

test.if(UID === 0)("the next list shows that another group may write to a parent (needs root)", async () => {
  await using stage = await createStage();
  await chmod(stage.at("app"), 0o775);
  expect(await stage.shown()).toEqual(ALL);
  await chown(stage.at("app"), 0, OTHER_USER);
  expect(await stage.shown()).toEqual(without(...OF_FIRST, "second", "linked"));
});

test("the next list shows that others may write to a parent of a directory without links", async () => {
  await using stage = await createStage();
  stage.setDirectories([stage.at("app/second")]);
  expect(await stage.shown()).toEqual(["second: second"]);
  await chmod(stage.at("app"), 0o757);
  expect(await stage.shown()).toEqual([]);
});

test("an unchanged directory is judged once for many lists", async () => {
  await using stage = await createStage();
  for (let count = 0; count < 20; count++) expect(await stage.shown()).toEqual(ALL);
  expect(stage.judgements()).toBe(1);
});

test("a new entry of a parent leads to no new judgement", async () => {
  await using stage = await createStage();
  await stage.shown();
  await stage.add("app/beside/file", "");
  await stage.shown();
  expect(stage.judgements()).toBe(1);
});

test("a list with a file that changed in the last two seconds is not kept", async () => {
  await using stage = await createStage();
  const { ctimeMs } = await lstat(await stage.add("app/first/new", script("new")));
  let nowMs = ctimeMs + 1999;
  const list = createKeptList({ ...stage.options, nowMs: () => nowMs });
  await list();
  await list();
  expect(stage.judgements()).toBe(2);
  nowMs = ctimeMs + LATER_MS;
  await list();
  await list();
  expect(stage.judgements()).toBe(3);
});

test("a list with a path on a file system that is not a local disk is not kept", async () => {
  await using stage = await createStage();
  await symlink("/proc/self/exe", stage.at("app/second/itself"));
  await stage.list();
  await stage.list();
  expect(stage.judgements()).toBe(2);
});

test("a list whose directory cannot be read rejects each time, and is judged each time", async () => {
  await using stage = await createStage();
  await stage.shown();
  await rm(stage.at("app/second"), { recursive: true });
  await stage.add("app/second", "not a directory");
  for (let count = 0; count < 2; count++) expect(await stage.list().catch(String)).toContain("ENOTDIR");
  expect(stage.judgements()).toBe(3);
});

test("a list depends on the users and groups if a group may write to a directory", async () => {
  await using stage = await createStage();
  const paths = async (): Promise<string[]> => {
    const seen: Parameters<typeof listCommands>[1] = new Map();
    await listCommands(stage.options.sources(), seen);
    return [...seen.values()].map(({ path }) => path);
  };
  expect(await paths()).not.toContain(USER_FILES[0]);
  await chmod(stage.at("app"), 0o775);
  expect(await paths()).toEqual(expect.arrayContaining([...USER_FILES]));
});

test("calls during a judgement share the next one", async () => {
  await using stage = await createStage();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const list = createKeptList({
    ...stage.options,
    async judge(...words) {
      const judged = await stage.options.judge(...words);
      await released;
      return judged;
    },
  });
  const first = list();
  await until("the first judgement has begun", () => stage.judgements() === 1);
  await stage.add("app/first/new", script("new"));
  const others = [list(), list(), list()];
  release();
  await first;
  for (const other of others) expect(summarise(await other)).toEqual(withLines("new: new"));
  expect(stage.judgements()).toBe(2);
});
