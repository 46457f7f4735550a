/** Reads TypeScript text with a real parser: comments, exports, functions and texts, each with its line. */
import { parseSync, Visitor } from "oxc-parser";
import type { Declaration, Expression, ParseResult, Program } from "oxc-parser";
import type { SourceFile } from "./source-tree.ts";

/**
 * `role` tells a file's header and the doc comment of an export or of its members from all other comments.
 */
export type SourceComment = { text: string; line: number; lines: number; role: "header" | "doc" | "other" };
/** One exported declaration; `documented` says whether a doc comment stands right before it. */
export type SourceExport = {
  name: string;
  kind: "type" | "function" | "value";
  line: number;
  documented: boolean;
};
export type SourceFunction = { line: number; lines: number };
/**
 * A string, or the literal text of a template. `isTitle` marks the first argument of `test`, `describe` and
 * `it`.
 */
export type SourceText = { text: string; line: number; isTitle: boolean };

export type SourceSyntax = {
  comments: SourceComment[];
  exports: SourceExport[];
  functions: SourceFunction[];
  texts: SourceText[];
};

const known = new WeakMap<SourceFile, SourceSyntax>();

/** The parts of a file; each file object is parsed once. Text that does not parse has no parts. */
export function readSyntax(file: SourceFile): SourceSyntax {
  const syntax = known.get(file) ?? parse(file);
  known.set(file, syntax);
  return syntax;
}

type Span = { start: number; end: number };
type Place = (offset: number) => number;

function parse({ path, text }: SourceFile): SourceSyntax {
  const result = parseSync(path, text);
  const lineOf = createLineIndex(text);
  const exported = exportsOf(result.program);
  const documented = new Set(exported.flatMap(({ span, members }) => [span.start, ...members]));
  const isBeforeDocumented = ({ end }: Span): boolean => {
    // A member of a union stands after its bar.
    const next = end + (/^\s*(?:\|\s*)?/.exec(text.slice(end))?.[0].length ?? 0);
    return documented.has(next);
  };
  const docEnds = new Set<number>();
  const comments = result.comments.map((comment, index): SourceComment => {
    const isDoc = comment.type === "Block" && comment.value.startsWith("*") && isBeforeDocumented(comment);
    if (isDoc) docEnds.add(comment.end);
    const isHeader = index === 0 && text.slice(0, comment.start).trim() === "";
    return {
      text: comment.value.replaceAll(/^[ \t]*\*+ ?/gm, ""),
      line: lineOf(comment.start),
      lines: lineOf(comment.end) - lineOf(comment.start) + 1,
      role: isHeader ? "header" : isDoc ? "doc" : "other",
    };
  });
  const hasDoc = (start: number): boolean =>
    [...docEnds].some((end) => end <= start && text.slice(end, start).trim() === "");
  return {
    comments,
    exports: firstOfEachName(exported).map(({ name, kind, span }) => ({
      name,
      kind,
      line: lineOf(span.start),
      documented: hasDoc(span.start),
    })),
    functions: functionsOf(result, lineOf),
    texts: textsOf(result, lineOf),
  };
}

/** Finds the 1-based line of an offset without reading the text again. */
function createLineIndex(text: string): Place {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

type Exported = { name: string; kind: SourceExport["kind"]; span: Span; members: number[] };

/** Re-exports have their doc comment where they are declared. */
function exportsOf(program: Program): Exported[] {
  return program.body.flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration" || statement.declaration === null) return [];
    const { declaration } = statement;
    const members = membersOf({ ...program, body: [statement] });
    return namesOf(declaration).map(({ name, kind }) => ({ name, kind, span: statement, members }));
  });
}

/** Overloads of a function are one export, documented at the first of them. */
function firstOfEachName(exported: readonly Exported[]): Exported[] {
  return [...Map.groupBy(exported, ({ name }) => name).values()].flatMap((group) => group.slice(0, 1));
}

function namesOf(declaration: Declaration): Pick<Exported, "name" | "kind">[] {
  switch (declaration.type) {
    case "FunctionDeclaration":
    case "TSDeclareFunction":
      return [{ name: declaration.id?.name ?? "", kind: "function" }];
    case "ClassDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSInterfaceDeclaration":
      return [{ name: declaration.id?.name ?? "", kind: "type" }];
    case "VariableDeclaration":
      return declaration.declarations.flatMap(({ id, init }) =>
        id.type === "Identifier" ? [{ name: id.name, kind: isFunction(init) ? "function" : "value" }] : [],
      );
    default:
      return [];
  }
}

function isFunction(init: Expression | null): boolean {
  return init?.type === "ArrowFunctionExpression" || init?.type === "FunctionExpression";
}

/** Where the members of types, classes and tables begin, outside of function bodies. */
function membersOf(program: Program): number[] {
  const starts: number[] = [];
  let depth = 0;
  const add = ({ start }: Span): void => {
    if (depth === 0) starts.push(start);
  };
  const enter = (): void => void depth++;
  const leave = (): void => void depth--;
  new Visitor({
    BlockStatement: enter,
    "BlockStatement:exit": leave,
    TSPropertySignature: add,
    TSMethodSignature: add,
    TSIndexSignature: add,
    TSCallSignatureDeclaration: add,
    PropertyDefinition: add,
    MethodDefinition: add,
    AccessorProperty: add,
    Property: add,
    TSUnionType: ({ types }) => types.forEach(add),
  }).visit(program);
  return starts;
}

function functionsOf({ program }: ParseResult, lineOf: Place): SourceFunction[] {
  const functions: SourceFunction[] = [];
  const add = ({ start, end }: Span): void => {
    functions.push({ line: lineOf(start), lines: lineOf(end) - lineOf(start) + 1 });
  };
  new Visitor({ FunctionDeclaration: add, FunctionExpression: add, ArrowFunctionExpression: add }).visit(
    program,
  );
  return functions;
}

const TEST_FUNCTION = /^(?:test|describe|it)$/;

function textsOf({ program }: ParseResult, lineOf: Place): SourceText[] {
  const titles = new Set<number>();
  const texts: SourceText[] = [];
  new Visitor({
    CallExpression({ callee, arguments: [title] }) {
      if (TEST_FUNCTION.test(rootName(callee)) && title !== undefined) titles.add(title.start);
    },
  }).visit(program);
  new Visitor({
    Literal({ value, start }) {
      if (typeof value === "string")
        texts.push({ text: value, line: lineOf(start), isTitle: titles.has(start) });
    },
    TemplateLiteral({ quasis, start }) {
      const text = quasis.map(({ value }) => value.cooked ?? value.raw).join("…");
      texts.push({ text, line: lineOf(start), isTitle: titles.has(start) });
    },
  }).visit(program);
  return texts;
}

/** `test` for `test(…)`, `test.concurrent(…)` and `test.each(…)(…)`. */
function rootName(callee: Expression): string {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type === "MemberExpression") return rootName(callee.object);
  if (callee.type === "CallExpression") return rootName(callee.callee);
  return "";
}
