/** Which commands may run as a higher user than before. */
import { expect, test } from "bun:test";
import type { CommandFile } from "../../../src/methods/command-files.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import { createLowerUsers } from "../../../src/roles/daemon/lower-users.ts";
import type { LowerUserState } from "../../../src/roles/daemon/lower-users.ts";

const UIDS: Readonly<Record<string, number>> = { root: 0, web: 33, own: 500 };

function createUsers() {
  return createUserCache((keys) =>
    Promise.resolve(
      keys.map((key) => {
        const uid = UIDS[key];
        if (uid === undefined) return { problem: `there is no user ${key}` };
        return { user: { name: String(key), uid, gid: uid, groups: [uid], home: "/" } };
      }),
    ),
  );
}

/** A file for a command. Without a user it runs as the daemon's own. */
function file(name: string, user?: string, script = `/c/${name}`): CommandFile {
  const description = user === undefined ? {} : { user };
  // The judgement uses the user of a description.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return {
    name,
    path: `/c/${name}`,
    pins: [],
    kind: "usable",
    script,
    description,
  } as unknown as CommandFile;
}

/** Lower users with the memory of `before`, and what was saved last. */
function create(before?: LowerUserState) {
  const saved: LowerUserState[] = [];
  const lower = createLowerUsers({
    role: "guest",
    users: createUsers(),
    uidOf: () => 500,
    memory: {
      load: () => Promise.resolve(before),
      save(state) {
        saved.push(state);
        return Promise.resolve();
      },
    },
  });
  return {
    saved: () => saved.at(-1),
    /** Returns the kind of each file after a look, by its name. */
    async apply(files: readonly CommandFile[], isAsked = false) {
      const applied = await lower.apply(new Map(files.map((each) => [each.name, each])), isAsked);
      return Object.fromEntries([...applied].map(([name, { kind }]) => [name, kind]));
    },
    refusalOf: async (one: CommandFile) =>
      (await lower.apply(new Map([[one.name, one]]), false)).get(one.name),
  };
}

test("a command that ran as a lower user is refused without its settings, with a remedy", async () => {
  const stage = create();
  expect(await stage.apply([file("a", "web")])).toEqual({ a: "usable" });
  expect(await stage.refusalOf(file("a"))).toEqual({
    name: "a",
    path: "/c/a",
    pins: [],
    kind: "unsafe",
    refusal: {
      code: "NOT_EXECUTABLE",
      reason: "its settings no longer say who is to run it",
      full:
        'Cannot run "/c/a": it ran as the user "web", and its settings no longer name a lower user\n' +
        "Correct /c/a.toml, or take it as it is: negotiator guest reload",
    },
  });
});

test.each(["root", "own"])(
  "the user %s is not lower than the daemon's, so the command is refused",
  async (user) => {
    const stage = create();
    await stage.apply([file("a", "web")]);
    expect(await stage.apply([file("a", user)])).toEqual({ a: "unsafe" });
  },
);

test("a user that cannot be found is a lower one", async () => {
  const stage = create();
  await stage.apply([file("a", "nobody-here")]);
  expect(await stage.apply([file("a")])).toEqual({ a: "unsafe" });
  expect(await stage.apply([file("a", "nobody-here")])).toEqual({ a: "usable" });
});

test("a command that never had a lower user may run as any", async () => {
  const stage = create();
  await stage.apply([file("a")]);
  expect(await stage.apply([file("a"), file("b", "root")])).toEqual({ a: "usable", b: "usable" });
});

test("the same file under another name, and another file under the same name, are refused too", async () => {
  const stage = create();
  await stage.apply([file("a", "web", "/c/one")]);
  expect(await stage.apply([file("b", undefined, "/c/one")])).toEqual({ b: "unsafe" });
  expect(await stage.apply([file("a", undefined, "/c/two")])).toEqual({ a: "unsafe" });
  expect(await stage.apply([file("b", undefined, "/c/two")])).toEqual({ b: "usable" });
});

test("a reload that an administrator asks for takes the files as they are, and later looks too", async () => {
  const stage = create();
  await stage.apply([file("a", "web")]);
  expect(await stage.apply([file("a")], true)).toEqual({ a: "usable" });
  expect(stage.saved()).toEqual({ held: [], accepted: ["name a file /c/a"] });
  expect(await stage.apply([file("a")])).toEqual({ a: "usable" });
  await stage.apply([file("b")], true);
  expect(stage.saved()).toEqual({ held: [], accepted: ["name b file /c/b"] });
});

test("a file that was accepted and gets a lower user is held again", async () => {
  const stage = create();
  await stage.apply([file("a")], true);
  await stage.apply([file("a", "web")]);
  expect(stage.saved()).toEqual({
    held: [
      ["name a", "web"],
      ["file /c/a", "web"],
    ],
    accepted: [],
  });
  expect(await stage.apply([file("a")])).toEqual({ a: "unsafe" });
});

test("one name of a file can be accepted while the other has a lower user", async () => {
  const stage = create();
  const [low, high] = [file("low", "web", "/c/one"), file("high", undefined, "/c/one")];
  await stage.apply([low, high], true);
  expect(await stage.apply([low, high])).toEqual({ low: "usable", high: "usable" });
  expect(await stage.apply([file("third", undefined, "/c/one")])).toEqual({ third: "unsafe" });
});

test("saved users count for the next daemon, and without a memory the first files are taken", async () => {
  const before: LowerUserState = { held: [["name a", "web"]], accepted: ["name b file /c/b"] };
  const next = create(before);
  expect(await next.apply([file("a"), file("b")])).toEqual({ a: "unsafe", b: "usable" });
  expect(next.saved()).toEqual(before);
  const first = create();
  expect(await first.apply([file("a")])).toEqual({ a: "usable" });
  expect(first.saved()).toEqual({ held: [], accepted: ["name a file /c/a"] });
  expect(await first.apply([file("b")])).toEqual({ b: "usable" });
  expect(first.saved()).toEqual({ held: [], accepted: ["name a file /c/a"] });
});

test("files that cannot be used stay as they are", async () => {
  const refusal = { code: "NOT_EXECUTABLE", reason: "r", full: "f" } as const;
  const plain: CommandFile = { name: "a", path: "/c/a", pins: [], kind: "plain", refusal };
  const stage = create({ held: [["name a", "web"]], accepted: [] });
  expect(await stage.refusalOf(plain)).toBe(plain);
});
