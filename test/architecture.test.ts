/** Holds the tree to the house's rules, and each rule on imports, owners and files to planted violations. */
import { expect, test } from "bun:test";
import { FORM_RULES } from "./support/house-form.ts";
import { checkHouse, HOUSE_RULES } from "./support/house-rules.ts";
import { testPlanted } from "./support/planted-rules.ts";
import type { Planted } from "./support/planted-rules.ts";
import { findImports, maskLiterals } from "./support/source-scan.ts";
import { readSourceTree } from "./support/source-tree.ts";

const tree = await readSourceTree(["src", "test", "scripts", "bench", "hostile", "chaos"]);

test("the tree keeps all house rules", async () => {
  expect(tree.map(({ path }) => path)).toContain("src/main.ts");
  expect(await checkHouse(tree)).toEqual([]);
});

test("findImports finds every import that Bun's transpiler finds in the tree", () => {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  for (const { path, text } of tree) {
    const seen = transpiler.scanImports(text).map((found) => found.path);
    const found = new Set(findImports(text).map(({ specifier }) => specifier));
    expect({ path, overlooked: seen.filter((specifier) => !found.has(specifier)) }).toEqual({
      path,
      overlooked: [],
    });
  }
});

const PLANTED: Record<Exclude<keyof typeof HOUSE_RULES, keyof typeof FORM_RULES>, Planted[]> = {
  "file-size": [
    ["src/process/run.ts", "x();\n".repeat(401), 401, "401 lines, 400 are the wall"],
    ["test/process/run.test.ts", "x();\n".repeat(500), 401, "move its second concern"],
    ["scripts/verify.ts", "x();\n".repeat(401), 401, "the wall"],
  ],
  "file-names": [
    ["src/FileName.ts", "", 1, "kebab-case"],
    ["src/file_name.ts", "", 1, "kebab-case"],
    ["src/wire/utils.ts", "", 1, "rename it after what it exports"],
    ["src/common/frame.ts", "", 1, "rename it after what it exports"],
    ["src/wire/index.ts", "", 1, "rename it after what it exports"],
    ["test/support/string-helpers.ts", "", 1, "rename it after what it exports"],
    ["test/types.test.ts", "", 1, "rename it after what it exports"],
  ],
  "who-imports-whom": [
    ["src/delay.ts", 'import { main } from "./main.ts";', 1, "root may import root, not src/main.ts"],
    [
      "src/log.ts",
      '\nimport type { Frame } from "./wire/frames/framing.ts";',
      2,
      "not src/wire/frames/framing.ts",
    ],
    [
      "src/config/config.ts",
      'import { runHost } from "../roles/host/cli.ts";',
      1,
      "not src/roles/host/cli.ts",
    ],
    [
      "src/main.ts",
      'import { find } from "./discovery/ports/virtio.ts";',
      1,
      "not src/discovery/ports/virtio.ts",
    ],
    [
      "src/wire/frames/framing.ts",
      'import type { Log } from "../../log.ts";',
      1,
      "wire may import errors, limits, shorten, wire",
    ],
    ["src/wire/dialects/native.ts", 'import { x } from "../../printable.ts";', 1, "not src/printable.ts"],
    [
      "src/channels/port/port.ts",
      'export { x } from "../../wire/frames/framing.ts";',
      1,
      "not src/wire/frames",
    ],
    ["src/channels/port/port.ts", 'type E = import("../../discovery/endpoint.ts").E;', 1, "pass it in"],
    [
      "src/discovery/watch.ts",
      'import { x } from "../channels/port/port.ts";',
      1,
      "not src/channels/port/port.ts",
    ],
    ["src/methods/info.ts", 'export * from "../peers/peer.ts";', 1, "not src/peers/peer.ts"],
    ["src/peers/peer.ts", 'const x = import("../roles/daemon.ts");', 1, "not src/roles/daemon.ts"],
    [
      "src/peers/peer.ts",
      'import { x } from "../channels/port/port.ts";',
      1,
      "not src/channels/port/port.ts",
    ],
    ["src/roles/guest/cli.ts", 'import { x } from "../host/cli.ts";', 1, "not src/roles/host/cli.ts"],
    ["src/roles/host/cli.ts", 'import type { X } from "../guest/daemon.ts";', 1, "not src/roles/guest"],
    [
      "src/roles/daemon/daemon.ts",
      'import { x } from "../host/daemon.ts";',
      1,
      "not src/roles/host/daemon.ts",
    ],
    ["src/roles/daemon/daemon.ts", 'import "../../main.ts";', 1, "not src/main.ts"],
    [
      "src/wire/streams.ts",
      'new Worker(new URL("../channels/port.ts", import.meta.url));',
      1,
      "not src/channels/",
    ],
    ["src/annex/room.ts", 'import "../log.ts";', 1, "put it in a room of the house"],
    ["src/process/run.ts", "const x = await import(name);", 1, "write the path as a string"],
    ["src/process/run.ts", 'import { x } from "../log";', 1, "name the .ts file"],
    ["src/process/run.ts", 'import { x } from "left-pad";', 1, "no file may"],
    ["src/process/run.ts", 'import { x } from "constructor";', 1, "no file may"],
    ["src/process/run.ts", 'import { spawn } from "bun";', 1, "no file may"],
    ["src/process/run.ts", 'import { env } from "node:process";', 1, "no file may"],
    ["src/process/run.ts", 'import { readFileSync } from "fs";', 1, "no file may"],
    ["src/process/run.ts", 'import { createConsola } from "consola/basic";', 1, "only src/log.ts may"],
    ["src/methods/method.ts", 'import type { ArgsDef } from "citty";', 1, "roles"],
    ["src/channels/port/port.ts", 'import * as v from "valibot";', 1, "leave that to its owner"],
    ["src/policy/policy.ts", 'import { parse } from "smol-toml";', 1, "only src/strict/toml.ts may"],
    ["src/roles/host/cli.ts", 'import { XMLParser } from "fast-xml-parser";', 1, "discovery"],
    ["src/log.ts", 'import manifest from "../package.json" with { type: "json" };', 1, "version"],
    ["src/methods/execute.ts", 'import { spawn } from "node:child_process";', 1, "process"],
    ["src/roles/daemon/control-server.ts", 'import { connect } from "node:net";', 1, "channels"],
    ["src/channels/port/port.ts", 'import { setTimeout } from "node:timers/promises";', 1, "peers"],
    ["src/wire/session/session.ts", 'import { randomBytes } from "node:crypto";', 1, "a pure file imports"],
    ["src/policy/policy.ts", 'import { readFileSync } from "node:fs";', 1, "a pure file imports"],
  ],
  "import-cycles": [],
  "one-owner": [
    [
      "src/process/run.ts",
      "\n\nconst words = process.argv.slice(2);",
      3,
      "belongs to argv and the exit code",
    ],
    ["src/roles/host/cli.ts", "process.exit(1);", 1, "return the exit code"],
    ["src/roles/host/cli.ts", "process.exitCode = 1;", 1, "return the exit code"],
    ["src/process/run.ts", "const path = process.env.PATH;", 1, "make it a setting"],
    ["src/process/run.ts", "const path = `${Bun.env.PATH}/bin`;", 1, "make it a setting"],
    ["src/roles/daemon/daemon.ts", 'process.stderr.write("x");', 1, "logFor"],
    ["src/roles/daemon/daemon.ts", 'console.error("x");', 1, "logFor"],
    ["src/roles/daemon/daemon.ts", 'process.stdout.write("x");', 1, "return the text to src/roles/cli"],
    ["src/roles/cli/output.ts", 'process.stdout.write("x");', 1, "src/standard-output.ts"],
    ["src/methods/execute.ts", 'Bun.spawn(["true"]);', 1, "src/process"],
    ["src/methods/execute.ts", "Bun.$`true`;", 1, "src/process"],
    ["src/roles/daemon/daemon.ts", "process.kill(pid, 15);", 1, "src/process"],
    ["src/roles/daemon/control-server.ts", "Bun.listen({ unix: path });", 1, "make it a Channel"],
    ["src/roles/daemon/control-server.ts", "await fetch(url);", 1, "make it a Channel"],
    ["src/channels/port/port.ts", "setTimeout(read, 10);", 1, "take an AbortSignal"],
    ["src/wire/session/session.ts", "AbortSignal.timeout(10);", 1, "take an AbortSignal"],
    ["src/discovery/watch.ts", "await Bun.sleep(1);", 1, "take an AbortSignal"],
    ["src/process/run.ts", "const { env } = process;", 1, "write process.member"],
    ["src/process/run.ts", 'Bun["spawn"](words);', 1, "write process.member"],
    ["src/process/run.ts", "globalThis.console.log(1);", 1, "write process.member"],
  ],
  descriptors: [
    [
      "src/process/run.ts",
      '\nimport { open } from "node:fs/promises";',
      2,
      "descriptors belong to src/channels",
    ],
    ["src/discovery/ports/virtio.ts", 'import { openSync as o } from "node:fs";', 1, 'takes "openSync"'],
    ["src/discovery/ports/virtio.ts", 'import * as fs from "node:fs";', 1, "import single functions by name"],
    ["src/discovery/ports/virtio.ts", 'import fs from "node:fs";', 1, "import single functions by name"],
    ["src/discovery/ports/virtio.ts", 'import { promises } from "node:fs";', 1, 'takes "promises"'],
    ["src/discovery/ports/virtio.ts", 'const fs = await import("node:fs");', 1, 'takes "all"'],
  ],
  purity: [
    ["src/wire/session/session.ts", "const now = Date.now();", 1, "pass the value in"],
    ["src/wire/session/session.ts", "performance.now();", 1, "pass the value in"],
    ["src/wire/dialects/native.ts", "\nconst id = crypto.randomUUID();", 2, "pass the value in"],
    ["src/wire/frames/framing.ts", "Math.random();", 1, "pass the value in"],
    ["src/wire/frames/framing.ts", "Bun.file(path);", 1, "pass the value in"],
    ["src/policy/quota.ts", "new Date();", 1, "pass the value in"],
    ["src/policy/policy.ts", "process.hrtime();", 1, "pass the value in"],
  ],
  "no-default-export": [
    ["src/process/run.ts", "\nexport default function run() {}", 2, "export it by its name"],
    ["src/process/run.ts", "export { run as default };", 1, "export it by its name"],
    ["src/process/run.ts", 'export { default } from "./log.ts";', 1, "export it by its name"],
  ],
  "no-top-level-await": [
    ["src/process/run.ts", "const x = 1;\nawait x;\nexport { x };", 2, "move it into a function"],
    ["src/process/run.ts", "if (true) {\n  await f();\n}\nexport const f = 1;", 2, "move it into a function"],
    ["src/process/run.ts", "const x = ;", 1, "does not parse"],
  ],
};

testPlanted(Object.fromEntries(Object.entries(HOUSE_RULES).filter(([rule]) => rule in PLANTED)), PLANTED);

test("a ring of imports is reported with all its files, type imports included", () => {
  const found = HOUSE_RULES["import-cycles"]([
    { path: "src/a.ts", text: 'import { b } from "./b.ts";' },
    { path: "src/b.ts", text: '\nimport type { C } from "./wire/c.ts";' },
    { path: "src/wire/c.ts", text: 'export * from "../b.ts";' },
  ]);
  const message = "src/b.ts → src/wire/c.ts → src/b.ts: move what both need to a file that imports neither";
  expect(found).toEqual([{ path: "src/wire/c.ts", line: 1, message }]);
});

test("imports, resources and names that the tables allow are not reported", async () => {
  const allowed: Record<string, string> = {
    "src/main.ts": 'const x = (): unknown => import("./roles/host/cli.ts");\nprocess.exitCode = 1;',
    "src/process/run.ts": 'import { spawn } from "node:child_process";\nsetTimeout(f, 1);',
    "src/wire/dialects/native.ts": 'import * as v from "valibot";\nimport { x } from "../../errors.ts";',
    "src/channels/port/port.ts":
      'import { openSync } from "node:fs";\nimport type { C } from "../../wire/channel.ts";',
    "src/methods/execute.ts":
      'import { run } from "../process/run.ts";\nimport type { M } from "../wire/message.ts";',
    "src/peers/legacy/legacy.ts": 'import { x } from "../../methods/execute.ts";\nsetInterval(f, 1);',
    "src/roles/cli/output.ts": 'import "../../peers/legacy/legacy.ts";\nimport "../../standard-output.ts";',
    "src/standard-output.ts": "const sink = Bun.stdout.writer();",
    "src/roles/daemon/daemon.ts":
      "const f = async () => { await using x = g(); for await (const y of x) h(y); };",
    "src/discovery/libvirt/libvirt.ts": 'import { XMLParser } from "fast-xml-parser";',
    "src/policy/policy.ts": "// process.env, Date.now()\nconst x = \"process.exit(1); import('left-pad')\";",
  };
  const files = Object.entries(allowed).map(([path, text]) => ({ path, text }));
  expect(await checkHouse(files, Object.keys(FORM_RULES))).toEqual([]);
});

test("maskLiterals blanks comments, strings, templates and regular expressions, and keeps the code", () => {
  const text = 'a(); // import "x"\n`import "y" ${f("s")} \\` z`; b = /"[/"]/; c = d / e; /* \n */ g("\\"");';
  const masked = maskLiterals(text);
  expect(masked.split("\n").map((line) => line.length)).toEqual(text.split("\n").map((line) => line.length));
  expect(masked.replaceAll(/\s+/g, " ")).toBe('a(); ` ${f(" ")} `; b = ; c = d / e; g(" ");');
});

test("findImports finds every form of import, with its names and line", () => {
  const text = [
    'import def, { a as b, type C } from "./1.ts";',
    'import type * as N from "./2.ts";',
    "import {\n  x,\n} from './3.ts';",
    'import "./4.ts";',
    'export type { Y } from "./5.ts";',
    'type T = import("./6.ts").T;',
    'new Worker(new URL("./7.ts", import.meta.url));',
    'require("./8.ts"); import.meta.resolve("./9.ts");',
    "import(name);",
    '// import "./no.ts"',
    'const s = "import(\'./no.ts\')"; Array.from("no"); x.from(`no`);',
  ].join("\n");
  expect(findImports(text).map(({ specifier, names, line }) => [specifier, names.join(" "), line])).toEqual([
    ["./1.ts", "* a C", 1],
    ["./2.ts", "*", 2],
    ["./3.ts", "x", 5],
    ["./4.ts", "", 6],
    ["./5.ts", "Y", 7],
    ["./6.ts", "", 8],
    ["./7.ts", "", 9],
    ["./8.ts", "", 10],
    ["./9.ts", "", 10],
    [undefined, "", 11],
  ]);
});
