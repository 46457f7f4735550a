/** Local users as the peer and the policy know them, and the rights of an owner. */
import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { parsePolicy } from "../../../src/policy/policy.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import {
  describeLocalCaller,
  describeProcess,
  nameKnown,
  nameUser,
} from "../../../src/roles/daemon/local-caller.ts";
import { refuseOtherUsers } from "../../../src/roles/daemon/owner-only.ts";
import { createUserJudge } from "../../../src/roles/daemon/user-judge.ts";
import { errorOf } from "../../support/error-of.ts";

const OWN_UID = process.getuid?.() ?? 0;

function users(name = "web") {
  return createUserCache((keys) =>
    Promise.resolve(
      keys.map((key) =>
        key === 33 ? { user: { name, uid: 33, gid: 33, groups: [], home: "/" } } : { problem: "unknown" },
      ),
    ),
  );
}

test("a process has its user, its number and the name of its program", () => {
  const program = readFileSync("/proc/self/comm", "utf8").trimEnd();
  expect(describeProcess({ uid: 7, pid: process.pid })).toEqual({ uid: 7, pid: process.pid, program });
});

test("a process of another namespace has no number, and one that has ended no program", () => {
  expect(describeProcess({ uid: 7, pid: 0 })).toEqual({ uid: 7 });
  expect(describeProcess({ uid: 7, pid: 5_000_000 })).toEqual({ uid: 7, pid: 5_000_000 });
});

test("a value that is not a connection has no user", () => {
  const descriptor = openSync("/dev/null", "r");
  expect(describeLocalCaller(descriptor)).toEqual({});
  closeSync(descriptor);
});

test("a user gets the name of the system, and one that the system does not know has none", async () => {
  expect(await nameUser({ uid: 33, pid: 1 }, users())).toEqual({ uid: 33, pid: 1, name: "web" });
  expect(await nameUser({ uid: 34 }, users())).toEqual({ uid: 34 });
  expect(await nameUser({}, users())).toEqual({});
});

test("a name that is known already stays, and one that was not resolved yet is missing", async () => {
  const cache = users();
  expect(nameKnown({ uid: 33 }, cache)).toEqual({ uid: 33 });
  await cache.find(33);
  expect(nameKnown({ uid: 33 }, cache)).toEqual({ uid: 33, name: "web" });
  expect(nameKnown({ uid: 33, name: "other" }, cache)).toEqual({ uid: 33, name: "other" });
});

test("a name has at most 256 characters, and no half of one", async () => {
  const long = await nameUser({ uid: 33 }, users("x".repeat(300)));
  expect(long.name).toBe("x".repeat(256));
  const cut = await nameUser({ uid: 33 }, users(`${"x".repeat(255)}😀`));
  expect(cut.name).toBe(`${"x".repeat(255)}\ufffd`);
});

const CHANGE = { role: "guest", subcommand: "reload", verb: "reloads" } as const;

test("root and the daemon's own user may change the daemon", () => {
  for (const uid of [0, OWN_UID]) expect(() => refuseOtherUsers({ caller: { uid } }, CHANGE)).not.toThrow();
});

test.each([OWN_UID + 1, undefined])("the user %p may not change the daemon", (uid) => {
  const caller = uid === undefined ? undefined : { uid };
  expect(errorOf(() => refuseOtherUsers({ caller }, CHANGE))).toMatchObject({
    code: "DENIED",
    message:
      `The guest's daemon reloads only for root, not for user ${uid}\n` +
      "Run as root: sudo negotiator guest reload",
  });
});

/** Judges a user under a policy. Returns the user, and whether the system was asked. */
async function judge(policy: Policy, uid: number | undefined) {
  let isAsked = false;
  const judged = createUserJudge(
    () => policy,
    (user) => {
      isAsked = true;
      return Promise.resolve({ ...user, groups: ["g"] });
    },
  );
  const user = await judged({ ...(uid !== undefined && { uid }), name: "n", pid: 1 });
  return { user, isAsked };
}

const OF_USERS = parsePolicy('[[rules]]\naction = "allow"\nusers = ["n"]\n');
const OF_PEERS = parsePolicy('[[rules]]\naction = "allow"\n');

test("the system is asked for groups only under rules about users, and not for root", async () => {
  expect(await judge(OF_USERS, 7)).toEqual({ user: { uid: 7, name: "n", groups: ["g"] }, isAsked: true });
  expect(await judge(OF_USERS, 0)).toEqual({ user: { uid: 0, name: "n" }, isAsked: false });
  expect((await judge(OF_PEERS, 7)).isAsked).toBe(false);
  expect((await judge({ kind: "default" }, 7)).isAsked).toBe(false);
});

test("a caller that is not known is a user without id and name", () => {
  const judged = createUserJudge(
    () => OF_PEERS,
    () => Promise.reject(new Error("it was asked")),
  );
  expect(judged(undefined)).toEqual({ uid: undefined, name: undefined });
});
