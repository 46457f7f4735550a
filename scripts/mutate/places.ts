/** Finds the places where a fault can be drawn: conditions, `await`, statements, numbers, operators. */
import type { Fault } from "./fault.ts";
import { childOf, walkFile } from "./syntax-nodes.ts";
import type { SyntaxNode, Visited } from "./syntax-nodes.ts";

/** The kinds of drawn faults. */
export const DRAWN_KINDS = [
  "negated condition",
  "dropped await",
  "dropped statement",
  "off by one",
  "swapped operator",
] as const;
/** One of `DRAWN_KINDS`. */
export type DrawnKind = (typeof DRAWN_KINDS)[number];

/** Returns all faults that can be drawn in the file, in the order of the text. */
export function findPlaces(file: string, text: string): (Fault & { at: number; why: DrawnKind })[] {
  const found = [...walkFile(file, text)].filter((visited) => !isLeftOut(visited, text));
  return found
    .flatMap(({ node, parents, key }) => {
      const [parent] = parents;
      return [
        ...negate(node),
        ...dropAwait(node, parent),
        ...dropStatement(node, text),
        ...countWrong(node, parents, key, text),
        ...swapOperator(node, text),
      ];
    })
    .map(({ start, end, to, why }) => ({
      file,
      from: text.slice(start, end),
      to: fill(to, text, start, end),
      why,
      at: start,
    }))
    .sort((one, other) => one.at - other.at);
}

/** A change of the text from `start` to `end`. In `to`, `$` stands for that text. */
type Change = { start: number; end: number; to: string; why: DrawnKind };

function fill(to: string, text: string, start: number, end: number): string {
  return to.replace("$", () => text.slice(start, end));
}

/**
 * Logs, texts of errors and lists of names: a test of each word would only repeat the source. A fault in the
 * table of limits is a matter of taste.
 */
function isLeftOut({ node, parents }: Visited, text: string): boolean {
  return [node, ...parents].some((around) => {
    if (around.type === "ImportDeclaration" || around.type === "TemplateLiteral") return true;
    if (around.type === "CallExpression")
      return /^(?:log\.|\w*[lL]og\()/.test(text.slice(around.start, around.end));
    if (around.type !== "NewExpression") return false;
    return /^new \w*Error\(/.test(text.slice(around.start, around.end));
  });
}

const CONDITIONAL = new Set(["IfStatement", "WhileStatement", "ConditionalExpression"]);

function negate(node: SyntaxNode): Change[] {
  const condition = CONDITIONAL.has(node.type) ? childOf(node, "test") : undefined;
  if (condition === undefined || condition.type === "Literal") return [];
  return [{ start: condition.start, end: condition.end, to: "!($)", why: "negated condition" }];
}

function dropAwait(node: SyntaxNode, parent: SyntaxNode | undefined): Change[] {
  const awaited = node.type === "AwaitExpression" ? childOf(node, "argument") : undefined;
  // A promise that is returned is awaited by the caller.
  if (
    awaited === undefined ||
    parent?.type === "ReturnStatement" ||
    parent?.type === "ArrowFunctionExpression"
  )
    return [];
  return [{ start: node.start, end: awaited.start, to: "", why: "dropped await" }];
}

function dropStatement(node: SyntaxNode, text: string): Change[] {
  if (node.type !== "ExpressionStatement" || (node["directive"] !== undefined && node["directive"] !== null))
    return [];
  const statement = text.slice(node.start, node.end);
  // Timers that are cleared too late, and failures that are ignored, do no harm that a test could see.
  if (/^(?:clearTimeout|clearInterval)\(/.test(statement)) return [];
  return [{ start: node.start, end: node.end, to: "{}", why: "dropped statement" }];
}

/** Larger numbers are sizes and times that were chosen, and one more or less is as good. */
const COUNTED = new Set([0, 1, 2]);
const OFF_BY_ONE: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" };

function countWrong(node: SyntaxNode, parents: Visited["parents"], key: string, text: string): Change[] {
  const why = "off by one";
  const value = node["value"];
  const [parent] = parents;
  if (node.type === "Literal" && typeof value === "number" && COUNTED.has(value) && key !== "key") {
    // `x > 0` is a comparison, which is changed itself; the same is true of a time.
    if (parent?.type === "BinaryExpression" && OFF_BY_ONE[String(parent["operator"])] !== undefined)
      return [];
    if (isSign(parents) || isChosenSize(parent, text) || isForTypes(parent, key)) return [];
    return [{ start: node.start, end: node.end, to: `${value + 1}`, why }];
  }
  const changed = node.type === "BinaryExpression" ? OFF_BY_ONE[String(node["operator"])] : undefined;
  // Two times are never equal to the fraction of a millisecond.
  if (changed === undefined || isAboutTime(text.slice(node.start, node.end))) return [];
  return operatorOf(node, text, changed, why);
}

/** Of the -1 in `a ? -1 : b`, which a comparison for sorting returns, only the sign counts. */
function isSign([parent, around]: Visited["parents"]): boolean {
  return parent?.type === "UnaryExpression" && around?.type === "ConditionalExpression";
}

/** The type checker asks for the number in `list[at] ?? 0` also where the list has that place. */
function isForTypes(parent: SyntaxNode | undefined, key: string): boolean {
  if (parent?.type !== "LogicalExpression" || parent["operator"] !== "??" || key !== "right") return false;
  return childOf(parent, "left")?.["computed"] === true;
}

/** A time or a size with a name was chosen, as a larger number is. */
function isChosenSize(parent: SyntaxNode | undefined, text: string): boolean {
  const name = parent?.type === "VariableDeclarator" ? childOf(parent, "id") : undefined;
  return name !== undefined && /(?:_MS|Ms|_BYTES|Bytes|_SECONDS)$/.test(text.slice(name.start, name.end));
}

const SWAPPED: Readonly<Record<string, string>> = {
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
  "===": "!==",
  "!==": "===",
};

function swapOperator(node: SyntaxNode, text: string): Change[] {
  if (node.type !== "BinaryExpression" && node.type !== "LogicalExpression") return [];
  const swapped = SWAPPED[String(node["operator"])];
  return swapped === undefined ? [] : operatorOf(node, text, swapped, "swapped operator");
}

function operatorOf(node: SyntaxNode, text: string, to: string, why: DrawnKind): Change[] {
  const [left, right] = [childOf(node, "left"), childOf(node, "right")];
  const operator = String(node["operator"]);
  if (left === undefined || right === undefined) return [];
  // A comment may stand before the operator, and hold the same signs.
  const start = text.lastIndexOf(operator, right.start - operator.length);
  return start < left.end ? [] : [{ start, end: start + operator.length, to, why }];
}

function isAboutTime(text: string): boolean {
  return /Ms\b|\bnow\(|Seconds\b/.test(text);
}
