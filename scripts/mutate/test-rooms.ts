/** Knows which tests notice a fault in a file: the quickest first, then its whole room. */
import { basename, dirname, join } from "node:path/posix";
import type { SourceFile } from "../../test/support/source-tree.ts";

/** Test files that run together. A later stage has only files that no earlier one has. */
export type Stage = readonly string[];

/** These need a virtual machine, a binary or minutes, or compare pages and not what the program does. */
const NOT_RUN = /^test\/(?:e2e|bench|scripts)\/|^test\/(?:architecture|form|map|readme[\w-]*)\.test\.ts$/;

/** These take ten seconds and more, so they come last, unless they are the file's own test. */
const SLOW = [
  /^test\/agent\//,
  /^test\/.+\/(?:bad-input|schedules|framing-cost|torn-frames|flood|independent)\./,
  /^test\/roles\/(?:host\/)?(?:hostile-guest|outage|load|mixed-fleet)\./,
  /^test\/roles\/cli\/(?:execute-through|command-lines|interrupt[\w-]*)\./,
  /^test\/roles\/daemon\/(?:reload|daemon)\./,
];

/** Rooms whose files are tested in other folders too. Those of `roles` need daemons, so they come last. */
const MORE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  process: ["methods"],
  policy: ["methods"],
  audit: ["methods"],
  wire: ["vectors", "peers", "fuzz", "independent"],
  channels: ["peers"],
  strict: ["config", "policy"],
  methods: ["agent", "roles/daemon"],
  peers: ["roles/daemon"],
  "roles/daemon": ["roles/host", "roles/guest"],
  "roles/guest": ["roles/daemon"],
  "roles/host": ["roles/daemon"],
};

/**
 * Returns the stages for a fault in `file`: the test of the same name, the tests that import the file, the
 * other tests of the folder, the rest of the room, and all slow tests. `tests` are all test files.
 */
export function findStages(file: string, tests: readonly SourceFile[]): Stage[] {
  const run = tests.filter(({ path }) => path.endsWith(".test.ts") && !NOT_RUN.test(path));
  const folder = dirname(file).replace(/^src/, "test");
  const name = basename(file, ".ts");
  const room = roomOf(file);
  const rooms = [room, ...(MORE_ROOMS[room] ?? [])].map((each) => `test/${each}/`);
  const isInRoom = ({ path }: SourceFile): boolean =>
    room.endsWith(".ts") ? dirname(path) === "test" : rooms.some((each) => path.startsWith(each));
  const importing = run.filter((test) => importsOf(test).has(file));
  const groups = [
    run.filter(({ path }) => path === `${folder}/${name}.test.ts`),
    importing.filter(isQuick),
    run.filter((test) => dirname(test.path) === folder && isQuick(test)),
    run.filter((test) => isInRoom(test) && isQuick(test)),
    run.filter((test) => isInRoom(test) || importing.includes(test)),
  ];
  const seen = new Set<string>();
  return groups
    .map((group) => group.map(({ path }) => path).filter((path) => !seen.has(path) && seen.add(path)))
    .filter((stage) => stage.length > 0);
}

/** The first folder of the file; in `roles`, whose tests together take many minutes, the second one too. */
function roomOf(file: string): string {
  const [first = "", second = ""] = file.replace(/^src\//, "").split("/");
  return first === "roles" && !second.endsWith(".ts") ? `roles/${second}` : first;
}

function isQuick({ path }: SourceFile): boolean {
  return !SLOW.some((slow) => slow.test(path));
}

const known = new WeakMap<SourceFile, ReadonlySet<string>>();

/** The files of the source that a test file names: imported, or run as a program. */
function importsOf(test: SourceFile): ReadonlySet<string> {
  const names = known.get(test) ?? readImports(test);
  known.set(test, names);
  return names;
}

function readImports({ path, text }: SourceFile): ReadonlySet<string> {
  const quoted = text.matchAll(/"((?:\.\.?\/)+[\w./-]+\.ts)"/g);
  return new Set([...quoted].map(([, place = ""]) => join(dirname(path), place)));
}
