/**
 * Owns the rules of the source tree: which files may import, open and use what. Everything not allowed is
 * denied.
 */
import { posix } from "node:path";
import { FORM_RULES } from "./house-form.ts";
import { sources } from "./house-rule.ts";
import type { HouseRule, Violation } from "./house-rule.ts";
import {
  EMBEDDED,
  GROUPS,
  MAY_OPEN,
  MODULES,
  OPENERS,
  OWNERS,
  PURE,
  PURE_BREAKERS,
  ZONES,
} from "./house-tables.ts";
import { findImports, lineAt, maskLiterals } from "./source-scan.ts";
import type { SourceFile } from "./source-tree.ts";

const WALL_LINES = 400;
const FILE_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/;
const FOLDER_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const VAGUE_NAME = /(?:^|-)(?:utils?|helpers?|common|types?|index|misc)$/;

/**
 * All rules by name. The rules on imports and owners look at `src`; those on names and sizes at every file.
 */
export const HOUSE_RULES = {
  "file-size": checkSize,
  "file-names": checkNames,
  "who-imports-whom": checkImports,
  "import-cycles": checkCycles,
  "one-owner": checkOwners,
  descriptors: checkOpeners,
  purity: checkPurity,
  "no-default-export": checkDefaultExports,
  "no-top-level-await": checkTopLevelAwait,
  ...FORM_RULES,
} as const satisfies Record<string, HouseRule>;

/**
 * Checks all rules but those in `except`. Returns one line for each violation: `path:line: [rule] message`.
 */
export async function checkHouse(
  files: readonly SourceFile[],
  except: readonly string[] = [],
): Promise<string[]> {
  const rules = Object.entries(HOUSE_RULES).filter(([rule]) => !except.includes(rule));
  const found = await Promise.all(
    rules.map(async ([rule, check]) =>
      (await check(files)).map(({ path, line, message }) => `${path}:${line}: [${rule}] ${message}`),
    ),
  );
  return found.flat();
}

function checkSize(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    if (lines <= WALL_LINES) return [];
    const message = `${lines} lines, ${WALL_LINES} are the wall: move its second concern to a new file`;
    return [{ path, line: WALL_LINES + 1, message }];
  });
}

function checkNames(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path }) => {
    const folders = path.split("/");
    const file = folders.pop() ?? "";
    const stems = [...folders, file.replace(/(?:\.test)?\.ts$/, "")];
    const isKebab = FILE_NAME.test(file) && folders.every((folder) => FOLDER_NAME.test(folder));
    const message = !isKebab
      ? "not in kebab-case: rename it, as in some-noun.ts"
      : stems.some((stem) => VAGUE_NAME.test(stem))
        ? "the name says nothing: rename it after what it exports"
        : undefined;
    return message === undefined ? [] : [{ path, line: 1, message }];
  });
}

function checkImports(files: readonly SourceFile[]): Violation[] {
  return sources(files).flatMap((file) =>
    findImports(file.text).flatMap(({ specifier, line }) => {
      const message = judgeImport(file.path, specifier);
      return message === undefined ? [] : [{ path: file.path, line, message }];
    }),
  );
}

function judgeImport(path: string, specifier: string | undefined): string | undefined {
  const zone = ZONES.find(({ files }) => files.test(path));
  if (zone === undefined)
    return "in a folder without a row in ZONES: put it in a room of the house, or add the row";
  if (specifier === undefined) return "imports a computed path: write the path as a string";
  const target = resolveImport(path, specifier);
  if (target === undefined || target === "package.json") {
    const name = target ?? moduleName(specifier);
    if (PURE.test(path) && /^(?:node|bun):/.test(name)) {
      return `a pure file imports "${specifier}": let its caller do that, and pass the value in`;
    }
    const importers = Object.hasOwn(MODULES, name) ? MODULES[name] : undefined;
    if (importers?.test(path) === true) return undefined;
    const owner =
      importers === undefined ? "no file may" : `only ${importers.source.replaceAll(/[\\^$]|\?:/g, "")} may`;
    return `imports "${specifier}", which ${owner}: leave that to its owner, or add it to MODULES`;
  }
  if (EMBEDDED.some(({ files, importer }) => files.test(target) && importer.test(path))) return undefined;
  if (!target.endsWith(".ts")) return `imports "${specifier}": name the .ts file`;
  const isAllowed = zone.may.some((name) => {
    const group = GROUPS[name] ?? ZONES.find((row) => row.name === name)?.files;
    return group?.test(target) === true;
  });
  if (isAllowed) return undefined;
  const allowed = zone.may.join(", ");
  return `${zone.name} may import ${allowed}, not ${target}: pass it in from a role, or move the code`;
}

/** The repository path that a relative specifier names, undefined for a module from outside. */
function resolveImport(path: string, specifier: string): string | undefined {
  if (!/^\.{0,2}\//.test(specifier)) return undefined;
  return posix.join(posix.dirname(path), specifier);
}

/** The package of a specifier: `consola/basic` is `consola`; `node:` and `bun:` modules are taken whole. */
function moduleName(specifier: string): string {
  if (/^(?:node|bun):/.test(specifier)) return specifier;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function checkCycles(files: readonly SourceFile[]): Violation[] {
  const imports = new Map(
    files.map(({ path, text }) => [
      path,
      findImports(text).flatMap(({ specifier, line }) => {
        const target = specifier === undefined ? undefined : resolveImport(path, specifier);
        return target === undefined ? [] : [{ target, line }];
      }),
    ]),
  );
  const finished = new Set<string>();
  const violations: Violation[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    for (const { target, line } of imports.get(path) ?? []) {
      const start = trail.indexOf(target);
      if (start !== -1) {
        const circle = [...trail.slice(start), target].join(" → ");
        violations.push({
          path,
          line,
          message: `${circle}: move what both need to a file that imports neither`,
        });
      } else if (!finished.has(target)) {
        visit(target, [...trail, target]);
      }
    }
    finished.add(path);
  };
  for (const path of imports.keys()) if (!finished.has(path)) visit(path, [path]);
  return violations;
}

function checkOwners(files: readonly SourceFile[]): Violation[] {
  return OWNERS.flatMap(({ resource, use, owner, remedy }) =>
    sources(files)
      .filter(({ path }) => !owner.test(path))
      .flatMap((file) => matchesIn(file, use, (text) => `"${text}" belongs to ${resource}: ${remedy}`)),
  );
}

function checkOpeners(files: readonly SourceFile[]): Violation[] {
  return sources(files)
    .filter(({ path }) => !MAY_OPEN.test(path))
    .flatMap(({ path, text }) =>
      findImports(text).flatMap(({ specifier, names, line }) => {
        const opener = names.find((name) => OPENERS.test(name));
        if (specifier === undefined || !/^node:fs(?:\/promises)?$/.test(specifier)) return [];
        // An `import()` or a `require` names no functions, so which of them the file uses stays unknown.
        if (names.length > 0 && opener === undefined) return [];
        const message =
          `takes "${opener ?? "all"}" from ${specifier}: import single functions by name, open nothing; ` +
          "descriptors belong to src/channels";
        return [{ path, line, message }];
      }),
    );
}

function checkPurity(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(({ path }) => PURE.test(path))
    .flatMap((file) =>
      matchesIn(
        file,
        PURE_BREAKERS,
        (text) => `"${text}" in a pure file: let the caller read the clock or files, and pass the value in`,
      ),
    );
}

function checkDefaultExports(files: readonly SourceFile[]): Violation[] {
  const form = /\bexport\s+default\b|\bexport\s*(?:type\s*)?\{[^}]*\bdefault\s*[,}]/g;
  return sources(files).flatMap((file) =>
    matchesIn(file, form, () => "default export: export it by its name"),
  );
}

/** Asks Bun's bundler: in CommonJS output, \`await\` outside of an async function is an error. */
async function checkTopLevelAwait(files: readonly SourceFile[]): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const { path, text } of sources(files)) {
    const entry = `/${path}`;
    const input = { entrypoints: [entry], files: { [entry]: text }, external: ["*"] };
    const { logs } = await Bun.build({ ...input, format: "cjs", target: "bun", throw: false });
    const first = logs[0];
    if (first === undefined) continue;
    const message = first.message.includes('"await"')
      ? "top-level await: move it into a function that main.ts calls"
      : `does not parse: ${first.message}`;
    violations.push({ path, line: first.position?.line ?? 1, message });
  }
  return violations;
}

function matchesIn(file: SourceFile, pattern: RegExp, message: (text: string) => string): Violation[] {
  const code = maskLiterals(file.text);
  return [...code.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(code, match.index),
    message: message(match[0].trim()),
  }));
}
