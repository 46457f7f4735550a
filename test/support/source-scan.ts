/** Finds all imports in TypeScript text, type imports included, and separates code from text. */

/**
 * One reference to another module. `specifier` is undefined if it is computed. `names` are the imported names
 * as the other module exports them; `*` is a default or namespace import.
 */
export type Import = { specifier: string | undefined; names: string[]; line: number };

/** Returns the 1-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/**
 * Replaces the contents of comments, strings, templates and regular expressions with spaces. Offsets, lines,
 * quotes and the code in `${}` stay.
 */
export function maskLiterals(text: string): string {
  const parts: string[] = [];
  const braces: ("block" | "template")[] = [];
  let offset = 0;
  let previous = "";

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    const found = pattern.exec(text)?.[0];
    offset += found?.length ?? 0;
    return found;
  };
  const takeTemplate = (): void => {
    const chunk = take(TEMPLATE_CHUNK) ?? "";
    const opens = chunk.endsWith("${");
    if (opens) braces.push("template");
    const tail = opens ? 2 : 1;
    parts.push(blank(chunk.slice(0, -tail)), chunk.slice(-tail));
    previous = opens ? "{" : "`";
  };

  while (offset < text.length) {
    const start = offset;
    const token = take(TOKEN) ?? "";
    if (token.startsWith("//") || token.startsWith("/*")) {
      parts.push(blank(token));
      continue;
    }
    if (token === "/" && mayStartRegExp(previous)) {
      offset = start;
      const literal = take(REG_EXP);
      if (literal !== undefined) {
        parts.push(blank(literal));
        previous = "`";
        continue;
      }
      offset = start + 1;
    }
    if (token.trim() !== "") previous = token;
    if (token.length > 1 && /^["']/.test(token)) {
      parts.push(token.slice(0, 1), blank(token.slice(1, -1)), token.slice(-1));
      continue;
    }
    parts.push(token);
    if (token === "`") takeTemplate();
    if (token === "{") braces.push("block");
    if (token === "}" && braces.pop() === "template") takeTemplate();
  }
  return parts.join("");
}

/**
 * Returns all imports of a file: static, type, re-export, `import()`, `require`, and the files of workers.
 */
export function findImports(text: string): Import[] {
  const code = maskLiterals(text);
  return IMPORT_FORMS.flatMap((form) =>
    [...code.matchAll(form)].map((match): Import => {
      const end = match.index + match[0].length;
      const { clause = "", literal } = match.groups ?? {};
      return {
        specifier: literal === undefined ? undefined : text.slice(end - literal.length + 1, end - 1),
        names: namesIn(clause),
        line: lineAt(text, literal === undefined ? match.index : end),
      };
    }),
  ).toSorted((a, b) => a.line - b.line);
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|[\w$]+|\s+|[\s\S]/y;
const TEMPLATE_CHUNK = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/y;
const REG_EXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const BEFORE_REG_EXP = /^(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield|instanceof)$/;

/** After a value a slash divides; elsewhere it starts a regular expression. */
function mayStartRegExp(previous: string): boolean {
  return BEFORE_REG_EXP.test(previous) || !/^(?:[\w$]+|["'].*|[)\]}`])$/s.test(previous);
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** A string as `maskLiterals` leaves it, in the named group that `findImports` reads. */
const LITERAL = `(?<literal>(?<quote>["']) *\\k<quote>)`;
const CALLS = "(?:import|import\\.meta\\.resolve|(?:[\\w$.]*\\.)?require(?:\\.resolve)?|new\\s+Worker)";
const IMPORT_FORMS = [
  new RegExp(`(?:\\b(?:import|export)\\b(?<clause>[^;()=]*?))?(?<![.\\w$])from\\s*${LITERAL}`, "g"),
  new RegExp(`(?<![.\\w$])import\\s*${LITERAL}`, "g"),
  new RegExp(`(?<![.\\w$])${CALLS}\\s*\\((?!\\s*new\\b)\\s*(?:${LITERAL})?`, "g"),
  new RegExp(`\\bnew\\s+URL\\s*\\(\\s*${LITERAL}(?=\\s*,\\s*import\\.meta\\b)`, "g"),
  new RegExp(`\\bnew\\s+URL\\s*\\((?!\\s*["'])[^()]*,\\s*import\\.meta\\b`, "g"),
];

function namesIn(clause: string): string[] {
  const names = [...clause.matchAll(/[{,]\s*(?:type\s+)?([\w$]+)/g)].map((match) => match[1] ?? "");
  const isWhole = /\*|^\s*(?!type\s*[{*])[\w$]/.test(clause);
  return isWhole ? ["*", ...names] : names;
}
