/** Walks over the syntax tree of a TypeScript file. */
import { parseSync } from "oxc-parser";

/** A node of the tree: its type, its place in the text, and its members. */
export type SyntaxNode = { type: string; start: number; end: number } & Readonly<Record<string, unknown>>;

/** A node with the nodes around it, the innermost first. `key` is its name in the innermost one. */
export type Visited = { node: SyntaxNode; parents: readonly SyntaxNode[]; key: string };

/** Yields the nodes of the program, each before its parts, without types. */
export function* walkFile(path: string, text: string): Generator<Visited, void, undefined> {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`Cannot parse ${path}: ${errors[0]?.message ?? ""}`);
  const root: unknown = program;
  if (isNode(root)) yield* walk({ node: root, parents: [], key: "" });
}

/** Returns the child node with this name, or undefined. */
export function childOf(node: SyntaxNode, key: string): SyntaxNode | undefined {
  const child = node[key];
  return isNode(child) ? child : undefined;
}

/** These stand around an expression, which is not a type. */
const TYPED_EXPRESSIONS = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

function* walk(visited: Visited): Generator<Visited, void, undefined> {
  const { node, parents } = visited;
  if (node.type.startsWith("TS") && !TYPED_EXPRESSIONS.has(node.type)) return;
  yield visited;
  for (const [key, member] of Object.entries(node)) {
    const children: unknown[] = Array.isArray(member) ? member : [member];
    for (const child of children)
      if (isNode(child)) yield* walk({ node: child, parents: [node, ...parents], key });
  }
}

function isNode(value: unknown): value is SyntaxNode {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    typeof value.type === "string" &&
    "start" in value
  );
}
