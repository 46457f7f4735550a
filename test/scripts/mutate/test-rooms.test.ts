/** The tests for a fault in a file: the nearest first, no file twice. */
import { expect, test } from "bun:test";
import { findStages } from "../../../scripts/mutate/test-rooms.ts";
import { readSourceTree } from "../../support/source-tree.ts";

const TESTS = [
  { path: "test/policy/glob.test.ts", text: 'import { parseGlob } from "../../src/policy/glob.ts";' },
  { path: "test/policy/rule.test.ts", text: 'import { parseGlob } from "../../src/policy/glob.ts";' },
  { path: "test/policy/quota.test.ts", text: "" },
  { path: "test/policy/stage.ts", text: "" },
  { path: "test/methods/execute.test.ts", text: "" },
  { path: "test/wire/json.test.ts", text: 'import { x } from "../../src/policy/glob.ts";' },
  { path: "test/e2e/vm.test.ts", text: 'import { x } from "../../src/policy/glob.ts";' },
  { path: "test/architecture.test.ts", text: "" },
  { path: "test/main.test.ts", text: "" },
  { path: "test/log.test.ts", text: "" },
];

test("a file's own test comes first, then those that import it, its folder, and the rest of its room", () => {
  expect(findStages("src/policy/glob.ts", TESTS)).toEqual([
    ["test/policy/glob.test.ts"],
    ["test/policy/rule.test.ts", "test/wire/json.test.ts"],
    ["test/policy/quota.test.ts"],
    ["test/methods/execute.test.ts"],
  ]);
});

test("slow tests come last, but a slow test of the same name comes first", () => {
  const paths = ["schedules", "sequence", "flood"].map((name) => `test/wire/session/${name}.test.ts`);
  const tests = paths.map((path) => ({
    path,
    text: 'import { x } from "../../../src/wire/session/flood.ts";',
  }));
  expect(findStages("src/wire/session/flood.ts", tests)).toEqual([
    ["test/wire/session/flood.test.ts"],
    ["test/wire/session/sequence.test.ts"],
    ["test/wire/session/schedules.test.ts"],
  ]);
});

test("in roles a room is a folder of it, and the daemons of both roles are tested together", () => {
  const names = ["doctor/fix", "daemon/reload", "host/guests", "guest/ports", "audit-trail"];
  const tests = names.map((name) => ({ path: `test/roles/${name}.test.ts`, text: "" }));
  expect(findStages("src/roles/doctor/doctor.ts", tests)).toEqual([["test/roles/doctor/fix.test.ts"]]);
  expect(findStages("src/roles/host/host.ts", tests)).toEqual([
    ["test/roles/host/guests.test.ts"],
    ["test/roles/daemon/reload.test.ts"],
  ]);
  expect(findStages("src/roles/role-name.ts", tests).flat()).toHaveLength(names.length);
});

test("a file of the root has the tests of the root, without those of pages and rules", () => {
  expect(findStages("src/main.ts", TESTS)).toEqual([["test/main.test.ts"], ["test/log.test.ts"]]);
});

test("every file of the source has tests that run for it", async () => {
  const [files, tests] = [await readSourceTree(["src"]), await readSourceTree(["test"])];
  const without = files.filter(({ path }) => findStages(path, tests).length === 0);
  expect(without.map(({ path }) => path)).toEqual([]);
});
