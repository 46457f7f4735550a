/** The search for a local user and its groups, with given programs and a given clock. */
import { expect, test } from "bun:test";
import { createLocalIdentity, findNamedUser } from "../../../src/roles/daemon/local-identity.ts";
import type { RunText, RunTextResult } from "../../../src/process/run-text.ts";
import { rejectionOf } from "../../support/error-of.ts";

type Answer = Partial<RunTextResult> | Error;

/** Programs with these answers, by their command lines; `lines` are those that ran. */
function createPrograms(answers: Readonly<Record<string, Answer>>): { run: RunText; lines: string[] } {
  const lines: string[] = [];
  const run: RunText = (argv) => {
    const line = argv.join(" ");
    lines.push(line);
    const answer = answers[line] ?? { exitCode: 2 };
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ stdout: "", stderr: "", exitCode: 0, ...answer });
  };
  return { run, lines };
}

const EVE = {
  "getent passwd 7": { stdout: "eve:x:7:7::/:/bin/sh\n" },
  "getent passwd eve": { stdout: "eve:x:7:7::/:/bin/sh\n" },
  "id -G -- eve": { stdout: "7 20\n" },
  "getent group 7 20": { stdout: "eve:x:7:\ndial out:x:20:eve\n" },
};

test("a user is found with its name, and its groups by name and number", async () => {
  const { run } = createPrograms(EVE);
  expect(await createLocalIdentity({ run })({ uid: 7, name: undefined })).toEqual({
    uid: 7,
    name: "eve",
    groups: ["eve", "dial out"],
    groupIds: [7, 20],
  });
});

test("a name that is known is not asked for, and a user without an id starts no program", async () => {
  const { run, lines } = createPrograms(EVE);
  const find = createLocalIdentity({ run });
  expect(await find({ uid: undefined, name: "eve" })).toEqual({});
  expect(lines).toEqual([]);
  await find({ uid: 7, name: "eve" });
  expect(lines).toEqual(["id -G -- eve", "getent group 7 20"]);
});

test("a user without a name is asked for by its number, and has no name", async () => {
  const { run } = createPrograms({ "id -G -- 9": { stdout: "9\n" }, "getent group 9": { stdout: "g:x:9:" } });
  expect(await createLocalIdentity({ run })({ uid: 9, name: undefined })).toEqual({
    uid: 9,
    name: undefined,
    groups: ["g"],
    groupIds: [9],
  });
});

test("a group that the system cannot name is said to be there", async () => {
  const group = { stdout: "eve:x:7:\n", exitCode: 2 };
  const { run } = createPrograms({ ...EVE, "getent group 7 20": group });
  expect(await createLocalIdentity({ run })({ uid: 7, name: "eve" })).toMatchObject({
    groups: ["eve"],
    groupIds: [7, 20],
    hasNamelessGroup: true,
  });
});

test.each<[string, string, Answer]>([
  ["id fails although it prints numbers", "id -G -- eve", { stdout: "7\n", exitCode: 1 }],
  ["id prints no number", "id -G -- eve", { stdout: "\n" }],
  ["getent fails otherwise than with not found", "getent group 7 20", { exitCode: 1, stderr: "no" }],
  ["a program cannot run", "id -G -- eve", new Error("gone")],
])("a user has its name and no groups if %s", async (_, line, answer) => {
  const { run } = createPrograms({ ...EVE, [line]: answer });
  expect(await createLocalIdentity({ run })({ uid: 7, name: undefined })).toEqual({ uid: 7, name: "eve" });
});

test("an answer is kept for five seconds, and then asked for again", async () => {
  const { run, lines } = createPrograms(EVE);
  let nowMs = 0;
  const find = createLocalIdentity({ run, now: () => nowMs });
  await find({ uid: 7, name: "eve" });
  nowMs = 4999;
  await find({ uid: 7, name: "eve" });
  expect(lines).toHaveLength(2);
  nowMs = 5000;
  await find({ uid: 7, name: "eve" });
  expect(lines).toHaveLength(4);
});

test("256 users are kept, and one more takes the place of the one that was asked for first", async () => {
  const { run, lines } = createPrograms({ "id -G -- x": EVE["id -G -- eve"], ...EVE });
  const find = createLocalIdentity({ run, now: () => 0 });
  const countOf = async (uid: number): Promise<number> => {
    const before = lines.length;
    await find({ uid, name: "x" });
    return lines.length - before;
  };
  for (let uid = 1; uid <= 256; uid++) expect(await countOf(uid)).toBe(2);
  expect(await countOf(1)).toBe(0);
  expect(await countOf(257)).toBe(2);
  expect(await countOf(2)).toBe(0);
  expect(await countOf(1)).toBe(2);
});

test("a user is found by its name and by its number, and an unknown one is an error", async () => {
  const { run, lines } = createPrograms(EVE);
  expect(await findNamedUser("eve", run)).toMatchObject({ uid: 7, name: "eve", groupIds: [7, 20] });
  expect(await findNamedUser("7", run)).toMatchObject({ uid: 7, name: "eve" });
  const { code, message } = await rejectionOf(findNamedUser("bob", run));
  expect(code).toBe("BAD_CONFIG");
  expect(message).toBe('The system knows no user "bob"\nList the users: getent passwd');
  const before = lines.length;
  expect((await rejectionOf(findNamedUser("-x", run))).message).toContain('no user "-x"');
  expect(lines).toHaveLength(before);
});

test("a failing search for a named user says which program failed, with its words or exit code", async () => {
  expect(await failureOf({ exitCode: 3 })).toBe('"getent passwd eve" failed: exit code 3');
  expect(await failureOf({ exitCode: 3, stderr: "no enum\n" })).toBe('"getent passwd eve" failed: no enum');
});

async function failureOf(answer: Answer): Promise<string> {
  const { run } = createPrograms({ "getent passwd eve": answer });
  return (await rejectionOf(findNamedUser("eve", run))).message;
}
