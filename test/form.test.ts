/** Holds each rule of form to planted violations, and to text that keeps the rule. */
import { expect, test } from "bun:test";
import { FORM_RULES } from "./support/house-form.ts";
import type { Violation } from "./support/house-rule.ts";
import { testPlanted } from "./support/planted-rules.ts";
import type { Planted } from "./support/planted-rules.ts";

const LINE = `x("${"a".repeat(105)}");`;

/** A function of `lines` lines. */
function longFunction(head: string, lines: number): string {
  return `${head} {\n${"x();\n".repeat(lines - 2)}}`;
}

const PLANTED: Record<keyof typeof FORM_RULES, Planted[]> = {
  "line-length": [
    ["src/log.ts", `x();\n${LINE}`, 2, "111 columns, 110 are the most"],
    ["test/log.test.ts", `// ${"a".repeat(108)}`, 1, "111 columns"],
    ["scripts/verify.ts", `x(\`\n${"ü".repeat(111)}\n\`);`, 2, "111 columns"],
  ],
  "function-length": [
    ["src/log.ts", longFunction("\nfunction log()", 101), 2, "a function of 101 lines, 100 are the most"],
    ["src/log.ts", `const log = ${longFunction("(): void =>", 101)};`, 1, "take it apart"],
    ["src/log.ts", `const log = { ${longFunction("write()", 101)} };`, 1, "101 lines"],
    ["src/log.ts", `class Log { ${longFunction("async *read()", 101)} }`, 1, "101 lines"],
  ],
  // Both rules look at a whole folder; see below.
  "comment-share": [],
  "folder-size": [],
  "doc-comments": [
    ["src/log.ts", "\nexport function log(): void {}", 2, '"log" has no doc comment'],
    ["src/log.ts", '/** The log. */\nimport "./x.ts";\nexport type Log = string;', 3, '"Log"'],
    ["src/log.ts", "/** A. */\n/* No doc comment. */\nexport interface Log {}", 3, '"Log"'],
    ["src/log.ts", "// The log.\nexport class Log {}", 2, '"Log"'],
    ["src/log.ts", "export const log = () => 1;", 1, "say what it returns or does"],
    ["src/log.ts", "/** A. */\nlet a;\nexport const LOG = 1;", 3, '"LOG"'],
  ],
  "plain-words": [
    ["src/log.ts", "// Starts anew.", 1, '"anew": say again'],
    ["src/log.ts", "x();\n/**\n * A.\n * Whoever calls.\n */", 4, '"Whoever": say any peer'],
    ["src/log.ts", 'fail("The peer is told so");', 1, '"is told": say who does what'],
    ["src/log.ts", "fail(`Cannot start ${name} anew`);", 1, '"anew"'],
    ["src/log.ts", "/** What the log shows. */", 1, "the subject first"],
    ["test/log.test.ts", 'test("nobody listens", () => 1);', 1, '"nobody": say who it is'],
    [
      "test/log.test.ts",
      'test.concurrent.each([[1]])("%s: what is lost", () => 1);\n// A fence.',
      2,
      '"fence"',
    ],
    ["test/log.test.ts", 'describe("a stranger", () => 1);', 1, '"stranger"'],
    ["test/log.test.ts", "test(`whose ${name} ends`, () => 1);", 1, '"whose"'],
    ["scripts/verify.ts", "// It makes no sense.", 1, '"makes no sense"'],
    ["src/log.ts", "// This is no file.", 1, '"is no": say is not a'],
  ],
  "unique-names": [],
};

testPlanted(FORM_RULES, PLANTED);

/** The violations of one rule in files with the given texts. */
function check(rule: keyof typeof FORM_RULES, files: Readonly<Record<string, string>>): Violation[] {
  return FORM_RULES[rule](Object.entries(files).map(([path, text]) => ({ path, text })));
}

test("line-length accepts a line of 110 columns", () => {
  expect(check("line-length", { "src/log.ts": LINE.slice(1) })).toEqual([]);
});

test("function-length accepts 100 lines, and longer functions in tests", () => {
  expect(check("function-length", { "src/log.ts": longFunction("function log()", 100) })).toEqual([]);
  expect(check("function-length", { "test/log.test.ts": longFunction("function log()", 200) })).toEqual([]);
});

test("comment-share reports a folder with more than 5 comment lines in 100, and its worst files", () => {
  const files = {
    "src/a.ts": "x();\n".repeat(80),
    "src/b.ts": "/** B. */\nx();\n// a\n/* a\nb\nc\nd */ x();\n",
  };
  expect(check("comment-share", { ...files, "test/a.test.ts": "x();\n" })).toEqual([
    {
      path: "src",
      line: 1,
      message: expect.stringContaining("5 comment lines in 87, more than 5 %: delete"),
    },
  ]);
  expect(check("comment-share", files)[0]?.message).toEndWith("as in src/b.ts (5), src/a.ts (0)");
});

test("comment-share does not count headers, directives, and doc comments of exports and members", () => {
  const text = [
    "/** The log. */",
    "/** A log. */",
    "export type Log = {",
    "  /** Its name. */",
    "  name: string;",
    "  /** Writes. */",
    "  write(): void;",
    "};",
    "/** Either. */",
    "export type Either =",
    "  /** One. */",
    "  | 1",
    "  | 2;",
    "/** The table. */",
    "export const TABLE = {",
    "  /** A row. */",
    "  row: 1,",
    "} as const;",
    "// oxlint-disable-next-line no-var",
    "var x = 1;",
  ].join("\n");
  expect(check("comment-share", { "src/log.ts": text })).toEqual([]);
});

test("comment-share counts comments in function bodies and on declarations that are not exported", () => {
  const text =
    "export function log() {\n  const a = {\n    /** A. */\n    b: 1,\n  };\n}\n/** B. */\ntype C = 1;";
  expect(check("comment-share", { "src/log.ts": text })[0]?.message).toStartWith("2 comment lines in 8");
});

test("folder-size reports more than 15 files in src and more than 4 in src/roles, without subfolders", () => {
  const names = Array.from({ length: 16 }, (_, index) => `src/file-${index}.ts`);
  const roles = Array.from({ length: 5 }, (_, index) => `src/roles/file-${index}.ts`);
  const files = [...names, ...roles, "src/roles/cli/help.ts"].map((path) => [path, ""]);
  expect(check("folder-size", Object.fromEntries(files))).toEqual([
    { path: "src/", line: 1, message: "16 files, 15 are the most: move some to their room" },
    { path: "src/roles/", line: 1, message: "5 files, 4 are the most: move some to their room" },
  ]);
  expect(check("folder-size", Object.fromEntries(files.slice(1, -2)))).toEqual([]);
});

test("doc-comments accepts documented exports, a header right before one, and exports of tests", () => {
  const text =
    '/** The log. */\nexport type A = 1;\n\n/** B. */\nexport const B = 1;\nexport { C } from "./c.ts";';
  expect(check("doc-comments", { "src/log.ts": text, "test/log.ts": "export const X = 1;" })).toEqual([]);
});

test("doc-comments and unique-names take the overloads of a function as one export", () => {
  const text = "/** A. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2;\nexport function f() {}";
  expect(check("doc-comments", { "src/log.ts": text })).toEqual([]);
  expect(check("unique-names", { "src/log.ts": text })).toEqual([]);
  const undocumented = check("doc-comments", { "src/log.ts": text.replace("/** A. */", "") });
  expect(undocumented.map(({ line }) => line)).toEqual([2]);
});

test("plain-words accepts good English, quoted words, code, and strings of tests", () => {
  const text = [
    '// There is no such file, and it is no longer needed; 0 is no limit. `anew`, "whoever"',
    'const anew = "anew";',
    'x("What does it say? There is no port");',
  ].join("\n");
  expect(check("plain-words", { "src/log.ts": text, "test/log.ts": 'x("it starts anew");' })).toEqual([]);
});

test("unique-names reports types and functions that two files export, not values and sibling rooms", () => {
  const files = {
    "src/a.ts": "export type Outcome = 1;\nexport const X = 1;",
    "src/roles/guest/cli.ts": "export function run() {}",
    "src/roles/host/cli.ts": "export function run() {}",
    "src/wire/b.ts": "export const X = 1;\n\nexport function Outcome() {}",
  };
  const message = '"Outcome" is exported by src/a.ts as well: rename one of them';
  expect(check("unique-names", files)).toEqual([{ path: "src/wire/b.ts", line: 3, message }]);
});
