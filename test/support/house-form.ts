/**
 * The rules of form: sizes, comments, doc comments, words and names. `house-tables.ts` has the figures and
 * words.
 */
import { COLUMNS, COMMENT_PERCENT, FOLDER_FILES, FUNCTION_LINES, SAME_NAME, WORDS } from "./house-tables.ts";
import { sources } from "./house-rule.ts";
import type { HouseRule, Violation } from "./house-rule.ts";
import { readSyntax } from "./source-syntax.ts";
import type { SourceFile } from "./source-tree.ts";

/** All rules of form by name. Those on functions, doc comments and names look at `src` only. */
export const FORM_RULES = {
  "line-length": checkLines,
  "function-length": checkFunctions,
  "comment-share": checkComments,
  "folder-size": checkFolders,
  "doc-comments": checkDocs,
  "plain-words": checkWords,
  "unique-names": checkNames,
} as const satisfies Record<string, HouseRule>;

/** Columns are UTF-16 units, as the formatter and editors count them. */
function checkLines(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      if (line.length <= COLUMNS) return [];
      return [
        { path, line: index + 1, message: `${line.length} columns, ${COLUMNS} are the most: break the line` },
      ];
    }),
  );
}

function checkFunctions(files: readonly SourceFile[]): Violation[] {
  return sources(files).flatMap((file) =>
    readSyntax(file)
      .functions.filter(({ lines }) => lines > FUNCTION_LINES)
      .map(({ line, lines }) => ({
        path: file.path,
        line,
        message: `a function of ${lines} lines, ${FUNCTION_LINES} are the most: take it apart`,
      })),
  );
}

/** Directives of the linter are not comments. */
const DIRECTIVE = /^oxlint-/;

function checkComments(files: readonly SourceFile[]): Violation[] {
  return ["src", "test"].flatMap((folder) => {
    let lines = 0;
    const counts = files
      .filter(({ path }) => path.startsWith(`${folder}/`))
      .map((file) => {
        lines += file.text.trimEnd().split("\n").length;
        const others = readSyntax(file).comments.filter(
          ({ role, text }) => role === "other" && !DIRECTIVE.test(text.trim()),
        );
        return { path: file.path, commentLines: others.reduce((sum, comment) => sum + comment.lines, 0) };
      });
    const commentLines = counts.reduce((sum, count) => sum + count.commentLines, 0);
    if (commentLines * 100 <= lines * COMMENT_PERCENT) return [];
    const most = counts.toSorted((a, b) => b.commentLines - a.commentLines).slice(0, 5);
    const places = most.map(({ path, commentLines }) => `${path} (${commentLines})`).join(", ");
    const message =
      `${commentLines} comment lines in ${lines}, more than ${COMMENT_PERCENT} %: ` +
      `delete some, as in ${places}`;
    return [{ path: folder, line: 1, message }];
  });
}

function checkFolders(files: readonly SourceFile[]): Violation[] {
  return Object.entries(FOLDER_FILES).flatMap(([folder, most]) => {
    const loose = files.filter(
      ({ path }) => path.startsWith(folder) && !path.slice(folder.length).includes("/"),
    );
    if (loose.length <= most) return [];
    return [
      {
        path: folder,
        line: 1,
        message: `${loose.length} files, ${most} are the most: move some to their room`,
      },
    ];
  });
}

function checkDocs(files: readonly SourceFile[]): Violation[] {
  return sources(files).flatMap((file) =>
    readSyntax(file)
      .exports.filter(({ documented }) => !documented)
      .map(({ name, line }) => ({
        path: file.path,
        line,
        message: `"${name}" has no doc comment: say what it returns or does, with units and errors`,
      })),
  );
}

/** Comments everywhere, messages of the program, and titles of tests. Quoted text may use any word. */
function checkWords(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) => {
    const { comments, texts } = readSyntax(file);
    const isSource = file.path.startsWith("src/");
    return [
      ...comments,
      ...texts.filter(({ text, isTitle }) => isTitle || (isSource && text.includes(" "))),
    ].flatMap(({ text, line }) => {
      const plain = text.replaceAll(/`[^`]*`|"[^"\n]*"/g, '""');
      return WORDS.flatMap(({ use, say }) => {
        const found = use.exec(plain);
        if (found === null) return [];
        const within = plain.slice(0, found.index).split("\n").length - 1;
        return [{ path: file.path, line: line + within, message: `"${found[0].trim()}": say ${say}` }];
      });
    });
  });
}

function checkNames(files: readonly SourceFile[]): Violation[] {
  const first = new Map<string, string>();
  return sources(files).flatMap((file) =>
    readSyntax(file).exports.flatMap(({ name, kind, line }) => {
      const other = first.get(name);
      if (kind === "value" || SAME_NAME.some((paths) => paths.test(file.path))) return [];
      if (other === undefined) {
        first.set(name, file.path);
        return [];
      }
      return [
        { path: file.path, line, message: `"${name}" is exported by ${other} as well: rename one of them` },
      ];
    }),
  );
}
