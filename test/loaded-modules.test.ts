/**
 * The modules that each command line loads. A module loads with all its static imports, and loading takes
 * most of the time of a short command, so an import in the wrong place slows down every start.
 */
import { expect, test } from "bun:test";
import { posix } from "node:path";
import { readSourceTree } from "./support/source-tree.ts";

const SOURCES = new Map((await readSourceTree(["src"])).map(({ path, text }) => [path, text]));
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** Returns the modules that `path` imports at its start, or later by `import()`. Types are not modules. */
function importsOf(path: string, kind: "import-statement" | "dynamic-import"): string[] {
  return transpiler
    .scanImports(SOURCES.get(path) ?? "")
    .filter((found) => found.kind === kind)
    .map((found) => (found.path.startsWith(".") ? posix.join(posix.dirname(path), found.path) : found.path));
}

/** Returns all modules that load with `entries`, in which names from outside of `src` are packages. */
function loadedWith(entries: readonly string[]): Set<string> {
  const loaded = new Set(entries);
  for (const path of loaded) for (const target of importsOf(path, "import-statement")) loaded.add(target);
  return loaded;
}

const START = ["src/main.ts", "src/roles/role-name.ts"];
const HOST = [...START, "src/roles/host/cli.ts"];
const GUEST = [...START, "src/roles/guest/cli.ts"];
const SETTINGS = "src/config/config.ts";
const EXECUTE = "src/roles/cli/execute-through.ts";

/** These load node's streams, which takes longer than all our code. */
const STREAMS = /^node:(?:crypto|net|stream|tty|util)$/;
const FINDERS = /^src\/discovery\/(?!(?:attach-line|default-uri)\.ts$)|^fast-xml-parser$/;
const DAEMON = /^src\/(?:audit\/|roles\/daemon\/(?!(?:link|file)-status|link-figures)|policy\/policy)/;
const DEVICES = /^src\/channels\/port\/|^node:worker_threads$/;
const FOREIGN = /^src\/peers\/(?:legacy\/|queued\/|dialects\.ts$)/;
const CALLS = /^src\/(?:wire|peers|methods|process|channels)\//;
const SETTINGS_LIBRARIES = /^src\/(?:config|strict|trust)\/|^(?:valibot|smol-toml)$/;

/** For each command line: the modules that it imports by `import()`, and those that it must not load. */
const LINES: Record<string, { entries: string[]; not: RegExp[] }> = {
  "--version": {
    entries: ["src/main.ts", "src/version.ts"],
    not: [/^node:|^bun:|^src\/.+\/(?!output\.ts)[^/]*$/],
  },
  "host --help": { entries: HOST, not: [STREAMS, FINDERS, DAEMON, CALLS, SETTINGS_LIBRARIES] },
  "guest --help": { entries: GUEST, not: [STREAMS, FINDERS, DAEMON, CALLS, SETTINGS_LIBRARIES] },
  "host print-config": {
    entries: [...HOST, SETTINGS, "src/roles/cli/show-config.ts"],
    not: [STREAMS, FINDERS, DAEMON, CALLS],
  },
  "host execute": {
    entries: [...HOST, SETTINGS, "src/roles/host/connect.ts", EXECUTE],
    not: [STREAMS, FINDERS, DAEMON, DEVICES, FOREIGN],
  },
  "guest execute": {
    entries: [...GUEST, SETTINGS, "src/roles/guest/connect.ts", EXECUTE],
    not: [STREAMS, FINDERS, DAEMON, DEVICES, FOREIGN],
  },
  "host status": {
    entries: [...HOST, SETTINGS, "src/roles/host/show-status.ts"],
    not: [STREAMS, FINDERS, DEVICES, FOREIGN, /^src\/audit\//],
  },
  "guest daemon": {
    entries: [...GUEST, SETTINGS, "src/roles/guest/daemon.ts"],
    not: [STREAMS, /^src\/discovery\/(?:libvirt|qemu)\/|^fast-xml-parser$/],
  },
};

test.each(Object.entries(LINES))("%s loads no module that it does not need", (_, { entries, not }) => {
  const loaded = [...loadedWith(entries)];
  expect(loaded.filter((path) => not.some((pattern) => pattern.test(path)))).toEqual([]);
});

test.each(Object.entries(LINES))("the modules that %s imports later are imported later", (_, { entries }) => {
  const [main, ...later] = entries;
  const loaded = [...loadedWith(entries)];
  const dynamic = new Set(loaded.flatMap((path) => importsOf(path, "dynamic-import")));
  expect(main).toBe("src/main.ts");
  expect(later.filter((path) => !dynamic.has(path))).toEqual([]);
});

test("the patterns of modules that must not load fit modules of the program", () => {
  const all = [...loadedWith([...SOURCES.keys()])];
  const unused = [FINDERS, DAEMON, DEVICES, FOREIGN, CALLS, SETTINGS_LIBRARIES].filter(
    (pattern) => !all.some((path) => pattern.test(path)),
  );
  expect(unused).toEqual([]);
});

test("citty is used without runCommand, which loads node:util to read words", () => {
  const users = [...SOURCES].filter(([, text]) => /\brunCommand\b[^`]*\bfrom "citty"/.test(text));
  expect(users.map(([path]) => path)).toEqual([]);
});
