/** Tests what a compiled binary contains, and the errors of the compiler. */
import { describe, expect, test } from "bun:test";
import { mkdir, mkdtempDisposable, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { compile } from "../../scripts/compile.ts";
import { hostTarget, inspectThisMachine } from "../../scripts/this-machine.ts";
import { formatStamp, readStamp, VERSION } from "../../src/version.ts";
import { readSourceTree } from "../support/source-tree.ts";

const TIMEOUT_MS = 240_000;

describe("compile", () => {
  test(
    "a compiled binary contains its stamp and a module from another folder",
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "compile-"));
      const target = hostTarget(await inspectThisMachine());
      const outfile = await compileSources(folder.path, {
        "src/main.ts": 'void import("./ears/ear.ts").then(({ listen }) => listen());',
        "src/ears/ear.ts": `
          export function listen() {
            console.log(NEGOTIATOR_STAMP, "boom");
          }`,
      });
      const build = { version: VERSION, commit: "0ff1ce-dirty", target };
      expect(run(outfile, "/")).toEqual({ exitCode: 0, output: `${formatStamp(build)} boom\n` });
      expect(readStamp(await readFile(outfile))).toEqual(build);
    },
    TIMEOUT_MS,
  );

  test(
    "a compiled binary names source files in stacks, and ignores planted files and the environment",
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "compile-"));
      const outfile = await compileSources(folder.path, {
        "src/main.ts": `
          console.log(process.env.PATH, process.env.FROM_DOTENV);
          console.log(new Error("here").stack);`,
      });
      await using planted = await mkdtempDisposable(join(tmpdir(), "planted-"));
      await writeFile(join(planted.path, ".env"), "FROM_DOTENV=leaked\n");
      await writeFile(join(planted.path, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
      await writeFile(join(planted.path, "preload.ts"), 'console.log("preloaded");\n');
      const { exitCode, output } = run(outfile, planted.path);
      expect(exitCode).toBe(0);
      expect(output).toStartWith("undefined undefined\nError: here\n");
      expect(output).toContain("src/main.ts:3:");
    },
    TIMEOUT_MS,
  );

  const refused: Record<string, [source: string, message: RegExp]> = {
    "an import of a missing file": [
      '\nimport { gone } from "./gone.ts";\ngone();',
      /src\/main\.ts:2:\d+: Could not resolve: ".\/gone.ts"$/,
    ],
    "a syntax error": ["\n\nexport const bad = ;", /src\/main\.ts:3:\d+: Unexpected ;$/],
  };
  for (const [name, [source, message]] of Object.entries(refused)) {
    test(`compile names the file and position of ${name}`, async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "compile-"));
      const compiled = await compileSources(folder.path, { "src/main.ts": source }).catch(String);
      expect(compiled).toContain('Cannot compile "program":\n');
      expect(compiled).toMatch(message);
      expect(await readdir(folder.path)).toEqual(["src"]);
    });
  }
});

test("no source starts a worker, because the compiler would not put its file into the binary", async () => {
  const sources = await readSourceTree(["src"]);
  expect(sources.filter(({ text }) => text.includes("new Worker(")).map(({ path }) => path)).toEqual([]);
});

/** Compiles a project of the given files for this machine. */
async function compileSources(root: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const outfile = join(root, "program");
  await compile({
    root,
    target: hostTarget(await inspectThisMachine()),
    commit: "0ff1ce-dirty",
    outfile,
  });
  return outfile;
}

function run(path: string, cwd: string): { exitCode: number; output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([path], { cwd, env: {}, timeout: 20_000 });
  return { exitCode, output: stdout.toString() + stderr.toString() };
}
