/** Finds the lines of keys in TOML. The parser returns only values. */

/**
 * Returns a function that returns the line, from 1, of the value at `keys`, or of the innermost table or list
 * around it that is there. `text` must be valid TOML. Returns undefined for a key behind very many others.
 */
export function findKeyLines(text: string): (keys: readonly unknown[]) => number | undefined {
  const lines = createScanner(text).scan();
  return (keys) => {
    if (lines.size >= MOST_KEYS && !lines.has(idOf(keys))) return undefined;
    for (let length = Math.min(keys.length, 2 * MOST_PARTS); length > 0; length--) {
      const line = lines.get(idOf(keys.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

type Keys = readonly (string | number)[];

function idOf(keys: readonly unknown[]): string {
  return JSON.stringify(keys);
}

/** No key of ours has more parts. The work grows with the square of this number. */
const MOST_PARTS = 16;
/** No config has more keys and items. The scan of a hostile file ends here. */
const MOST_KEYS = 10_000;
const SKIPPED = /(?:[ \t\r\n]+|#[^\n]*)+/y;
const BLANKS = /[ \t]+/y;
const BARE_KEY = /[^ \t.=\]]+/y;
/** A text in one of the four forms of TOML, the long ones first. */
const TEXT = /"""(?:[^"\\]|\\[^]|"(?!""))*"{3,5}|'''(?:[^']|'(?!''))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
const OTHER_VALUE = /[^,\]}#\n]*/y;

function createScanner(text: string) {
  const lines = new Map<string, number>();
  /** The number of tables in each list of tables. */
  const counts = new Map<string, number>();
  let at = text.startsWith("\ufeff") ? 1 : 0;
  let line = 1;

  /** Returns the match of a sticky pattern and moves behind it; empty if there is none. */
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [match = ""] = pattern.exec(text) ?? [];
    for (let end = match.indexOf("\n"); end >= 0; end = match.indexOf("\n", end + 1)) line++;
    at += match.length;
    return match;
  };
  const takeMark = (mark: string): boolean => {
    if (!text.startsWith(mark, at)) return false;
    at += mark.length;
    return true;
  };
  const hasMore = (): boolean => at < text.length && lines.size < MOST_KEYS;
  const record = (keys: Keys): void => {
    // Keys that are a part of several dotted keys are where the first one is.
    const id = idOf(keys);
    if (!lines.has(id)) lines.set(id, line);
  };

  const takeKey = (): string[] => {
    const parts: string[] = [];
    do {
      take(BLANKS);
      const quoted = take(TEXT);
      parts.push(quoted === "" ? take(BARE_KEY) : readText(quoted));
      take(BLANKS);
    } while (takeMark("."));
    return parts;
  };
  const takePair = (table: Keys): void => {
    const keys = [...table, ...takeKey()];
    const last = Math.min(keys.length, table.length + MOST_PARTS);
    for (let length = table.length + 1; length <= last; length++) record(keys.slice(0, length));
    takeMark("=");
    take(BLANKS);
    takeValue(keys);
  };
  const takeItems = (end: string, takeItem: (index: number) => void): void => {
    for (let index = 0; hasMore(); index++) {
      take(SKIPPED);
      if (takeMark(end)) return;
      const before = at;
      takeItem(index);
      take(SKIPPED);
      takeMark(",");
      // Without this, a text that is not TOML could hold the scanner for ever.
      if (at === before) at++;
    }
  };
  const takeValue = (keys: Keys): void => {
    if (takeMark("[")) {
      return takeItems("]", (index) => {
        record([...keys, index]);
        takeValue([...keys, index]);
      });
    }
    if (takeMark("{")) return takeItems("}", () => takePair(keys));
    if (take(TEXT) === "") take(OTHER_VALUE);
  };

  /** Returns the keys of a header: each list of tables on the way means its last table. */
  const takeHeader = (isList: boolean): Keys => {
    const parts = takeKey();
    const keys: (string | number)[] = [];
    for (const [index, part] of parts.slice(0, MOST_PARTS).entries()) {
      keys.push(part);
      const id = idOf(keys);
      const isNew = isList && index === parts.length - 1;
      if (isNew) counts.set(id, (counts.get(id) ?? 0) + 1);
      record(keys);
      const count = counts.get(id);
      if (count !== undefined) keys.push(count - 1);
    }
    record(keys);
    takeMark(isList ? "]]" : "]");
    return keys;
  };

  return {
    scan(): ReadonlyMap<string, number> {
      let table: Keys = [];
      for (take(SKIPPED); hasMore(); take(SKIPPED)) {
        const before = at;
        if (takeMark("[[")) table = takeHeader(true);
        else if (takeMark("[")) table = takeHeader(false);
        else takePair(table);
        if (at === before) at++;
      }
      return lines;
    },
  };
}

/** A quoted key with escapes is rare, and JSON has almost the same ones. */
function readText(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}
