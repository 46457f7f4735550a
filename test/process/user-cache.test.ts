/** The users that a daemon has resolved, with a system that the test plays. */
import { expect, test } from "bun:test";
import { createUserCache } from "../../src/process/user-cache.ts";
import type { UserKey } from "../../src/process/user-cache.ts";
import type { UsersAnswer } from "../../src/trust/system-question.ts";

const ALICE = { name: "alice", uid: 1001, gid: 1001, groups: [27], home: "/home/alice" };

/** A system that knows alice once `knows` is true, and notes the questions. */
function createSystem() {
  const asked: (readonly UserKey[])[] = [];
  const system = {
    asked,
    knows: true,
    resolve: (keys: readonly UserKey[]): Promise<UsersAnswer> => {
      asked.push(keys);
      const problem = { problem: 'Cannot find the user "alice"\nCreate it' };
      return Promise.resolve(keys.map(() => (system.knows ? { user: ALICE } : problem)));
    },
  };
  return system;
}

test("a user is resolved once, until a reload", async () => {
  const system = createSystem();
  const users = createUserCache(system.resolve);
  await users.load(["alice", "alice"]);
  expect(users.known("alice")).toEqual(ALICE);
  expect(await users.find("alice")).toEqual(ALICE);
  expect(system.asked).toEqual([["alice"]]);
  users.clear();
  expect(users.known("alice")).toBeUndefined();
  await users.find("alice");
  expect(system.asked).toHaveLength(2);
});

test("a user that the system refuses is refused until the failures are cleared", async () => {
  const system = createSystem();
  system.knows = false;
  const users = createUserCache(system.resolve);
  const refused = { code: "BAD_CONFIG", message: 'Cannot find the user "alice"\nCreate it' };
  expect(users.find("alice")).rejects.toMatchObject(refused);
  system.knows = true;
  expect(users.find("alice")).rejects.toMatchObject(refused);
  await Promise.allSettled([users.find("alice")]);
  users.clearFailed();
  expect(await users.find("alice")).toEqual(ALICE);
});

test("the program that replaces a daemon does not resolve its users again", async () => {
  const before = createUserCache(createSystem().resolve);
  await before.load(["alice"]);
  const system = createSystem();
  const after = createUserCache(system.resolve, before.freeze());
  await after.load(["alice"]);
  expect(after.known("alice")).toEqual(ALICE);
  expect(await after.find("alice")).toEqual(ALICE);
  expect(system.asked).toEqual([]);
  after.clear();
  await after.find("alice");
  expect(system.asked).toEqual([["alice"]]);
});
