/** The obstacles of an installation, and the group that it makes. */
import { expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import type { Entry } from "../../../src/roles/install/entry.ts";
import { groupCommand, groupEntry, hasGroup } from "../../../src/roles/install/group-steps.ts";
import type { JudgedEntry } from "../../../src/roles/install/judge-entry.ts";
import { findObstacles } from "../../../src/roles/install/obstacles.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const FILE: Entry = { kind: "file", path: "/a", mode: 0o644, content: { text: "" }, why: "" };
const DIRECTORY: Entry = { kind: "directory", path: "/d", mode: 0o755, why: "" };

function judged(entry: Entry, more: Partial<JudgedEntry> = {}): JudgedEntry {
  return { entry, place: `/root${entry.path}`, state: "foreign", ...more };
}

test("an entry that is missing, of an installation, or optional, is not in the way", () => {
  const states = (["missing", "same", "outdated", "changed"] as const).map((state) =>
    judged(FILE, { state }),
  );
  expect(findObstacles([...states, judged({ ...FILE, isOptional: true })], false)).toBeUndefined();
  expect(findObstacles([], false)).toBeUndefined();
});

test("files of others are all named, and are replaced only if that is forced", () => {
  const both = [judged(FILE), judged({ ...FILE, path: "/b c" })];
  expect(findObstacles(both, false)).toMatchObject({
    code: "UNSUPPORTED",
    message:
      "Cannot install: files of others are in the way: /root/a, '/root/b c'\n" +
      "Look at them: ls -ld /root/a '/root/b c'\nMove them away, or replace files with --force",
  });
  expect(findObstacles(both, true)).toBeUndefined();
});

test("another thing in the place of a directory is not replaced, even if that is forced", () => {
  expect(findObstacles([judged(FILE), judged(DIRECTORY)], true)?.message).toContain("in the way: /root/d\n");
});

test("an unsafe way comes before all else, and each is named once", () => {
  const problem = "others may write";
  const error = findObstacles(
    [judged(FILE, { problem }), judged(FILE, { problem }), judged(DIRECTORY)],
    true,
  );
  expect(error).toMatchObject({ code: "DENIED", message: 'Cannot write "/a": others may write' });
});

test("a masked service is named, also if files are replaced, and another link is not a mask", async () => {
  await using place = await createTemporaryDirectory();
  const entry: Entry = { ...FILE, path: "/etc/web.service" };
  await symlink("/dev/null", place.at("mask"));
  await symlink("/dev/zero", place.at("link"));
  expect(findObstacles([judged(entry, { place: place.at("mask") })], true)?.message).toBe(
    'Cannot install: the service "web" is masked\nAllow it again: systemctl unmask web',
  );
  expect(findObstacles([judged(entry, { place: place.at("link") })], true)).toBeUndefined();
});

test("the group gets the highest free number below 1000, on a line at the end", async () => {
  await using root = await createTemporaryDirectory();
  await root.write("etc/group", "root:x:0:\na:x:999:\nb:x:997:\n\n\n");
  expect(groupEntry(root.path)).toMatchObject({
    path: "/etc/group",
    appended: "negotiator:x:998:",
    content: { text: "root:x:0:\na:x:999:\nb:x:997:\nnegotiator:x:998:\n" },
  });
  const used = Array.from({ length: 899 }, (_, index) => `g${index}:x:${index + 101}:\n`).join("");
  await root.write("etc/group", used);
  expect(groupEntry(root.path)).toMatchObject({ appended: "negotiator:x:100:" });
  await root.write("etc/group", `${used}g:x:100:`);
  expect(groupEntry(root.path)).toMatchObject({ appended: "negotiator:x:999:" });
});

test("an image has the group if its list has it, whatever this machine has", async () => {
  await using root = await createTemporaryDirectory();
  await root.write("etc/group", "negotiators:x:5:\n");
  expect(await hasGroup(root.path, () => true)).toBe(false);
  await root.write("etc/group", "root:x:0:\nnegotiator:x:5:\n");
  expect(await hasGroup(root.path, () => true)).toBe(true);
});

test("the group is made by the program that is here, groupadd first, or by none", () => {
  expect(groupCommand(() => true)?.argv).toEqual(["groupadd", "--system", "negotiator"]);
  expect(groupCommand((name) => name === "addgroup")?.argv).toEqual(["addgroup", "-S", "negotiator"]);
  expect(groupCommand(() => false)).toBeUndefined();
});
