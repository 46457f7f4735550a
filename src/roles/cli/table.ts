/** Lays out tables and paragraphs in the columns of a terminal. */
import { PLAIN } from "./paint.ts";
import type { Colour, Paint } from "./paint.ts";

/** A cell. `short` says nearly the same in fewer columns. */
export type Cell = { text: string; short?: string; colour?: Colour | undefined };

/**
 * A column. Where a table is too wide, first the short texts are used, then columns with a `leastWidth` get
 * narrower, then those with a `rank` are left out, the highest first.
 */
export type Column = {
  title: string;
  cells: readonly Cell[];
  isRight?: boolean;
  leastWidth?: number;
  rank?: number;
};

/** The columns of the terminal, no limit by default, and how to colour. */
export type TableForm = { width?: number; paint?: Paint };

const GAP = "  ";

/** Returns the lines of the table: the titles, and one line for each row. No line is wider than `width`. */
export function formatTable(
  columns: readonly Column[],
  { width = Infinity, paint = PLAIN }: TableForm = {},
): string[] {
  const laid = fit(columns, width);
  const rows = laid[0]?.column.cells.length ?? 0;
  const titles = laid.map(({ column, width: columnWidth }) =>
    place(clipToWidth(column.title, columnWidth), column, columnWidth),
  );
  const lines = Array.from({ length: rows }, (_, row) =>
    laid.map(({ column, width: columnWidth, isShort }) => {
      const cell = column.cells[row] ?? { text: "" };
      const text = clipToWidth(textOf(cell, isShort), columnWidth);
      return place(text, column, columnWidth, (shown) => paint(shown, cell.colour));
    }),
  );
  return [titles, ...lines].map((line) => line.join(GAP).trimEnd());
}

type Laid = { column: Column; width: number; isShort: boolean };

function fit(columns: readonly Column[], width: number): Laid[] {
  for (const isShort of [false, true]) {
    const laid = columns.map((column) => ({ column, width: naturalWidth(column, isShort), isShort }));
    if (excessOf(laid, width) <= 0) return laid;
    if (isShort && shrink(laid, width)) return laid;
  }
  const droppable = columns.filter(({ rank }) => rank !== undefined);
  const next = droppable.sort((one, other) => (other.rank ?? 0) - (one.rank ?? 0))[0];
  if (next !== undefined)
    return fit(
      columns.filter((column) => column !== next),
      width,
    );
  return columns.map((column) => ({
    column,
    width: Math.max(1, Math.min(naturalWidth(column, true), Math.floor(width / columns.length) - 2)),
    isShort: true,
  }));
}

/** Returns whether the columns fit after this. */
function shrink(laid: Laid[], width: number): boolean {
  for (const each of laid) {
    const least = Math.min(each.width, each.column.leastWidth ?? each.width);
    each.width = Math.max(least, each.width - Math.max(0, excessOf(laid, width)));
  }
  return excessOf(laid, width) <= 0;
}

function excessOf(laid: readonly Laid[], width: number): number {
  return laid.reduce((sum, each) => sum + each.width + GAP.length, -GAP.length) - width;
}

function naturalWidth({ title, cells }: Column, isShort: boolean): number {
  return cells.reduce((most, cell) => Math.max(most, widthOf(textOf(cell, isShort))), widthOf(title));
}

function textOf({ text, short = text }: Cell, isShort: boolean): string {
  return isShort ? short : text;
}

function place(
  text: string,
  { isRight = false }: Column,
  width: number,
  decorate: (text: string) => string = (shown) => shown,
): string {
  const blanks = " ".repeat(Math.max(0, width - widthOf(text)));
  return isRight ? blanks + decorate(text) : decorate(text) + blanks;
}

/** The columns that a text takes on a terminal. It must have no control characters. */
export function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

/** Returns the text, or its beginning with an ellipsis if it is wider than `width`. */
export function clipToWidth(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let clipped = "";
  for (const character of text) {
    if (widthOf(clipped + character) > width - 1) break;
    clipped += character;
  }
  return `${clipped}…`;
}

/** Breaks a text at its blanks into lines within `width`; all but the first begin with `indent`. */
export function wrapText(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    const isStart = line === "" || line === indent;
    if (!isStart && widthOf(line) + 1 + widthOf(word) > width) lines.push(indent + word);
    else lines[lines.length - 1] = isStart ? line + word : `${line} ${word}`;
  }
  return lines.flatMap((line) => breakLong(line, width, indent));
}

/** A path may be longer than a line. */
function breakLong(line: string, width: number, indent: string): string[] {
  if (widthOf(line) <= width || width <= indent.length + 1) return [line];
  const lines: string[] = [""];
  for (const character of line) {
    if (widthOf((lines.at(-1) ?? "") + character) > width) lines.push(indent);
    lines[lines.length - 1] = (lines.at(-1) ?? "") + character;
  }
  return lines;
}
