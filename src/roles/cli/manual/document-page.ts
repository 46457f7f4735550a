/** Turns a page of the documentation, which is Markdown, into the body of a manual page. */
import { bold, escapeRoff, literal, macroWord, paragraph, tagged } from "./roff.ts";

/**
 * Returns the body as roff. Knows headings, paragraphs, lists, tables and blocks of code; the title, the line
 * of links and the way back to the README are left out.
 */
export function formatDocument(markdown: string): string {
  const blocks = readBlocks(markdown).filter(isContent).map(formatBlock);
  return [".SH DESCRIPTION", ...blocks].join("\n");
}

type Block =
  | { kind: "heading"; level: number; text: string }
  | { kind: "paragraph"; text: string }
  | { kind: "item"; tag: string; text: string }
  | { kind: "table"; rows: string[][] }
  | { kind: "code"; lines: string[] };

/** A line that begins a block, by the kind of the block. */
const HEADING = /^(#+) (.*)$/;
const ITEM = /^ *(?:-|(\d+)\.) +(.*)$/;
const TABLE_ROW = /^\|(.*)\|$/;
const CODE = /^( *)```/;

function readBlocks(markdown: string): Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  let open: Extract<Block, { text: string }> | undefined;
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    const row = TABLE_ROW.exec(line)?.[1];
    const code = CODE.exec(line)?.[1];
    const isText = heading === null && item === null && row === undefined && code === undefined;
    if (isText && line.trim() !== "" && open !== undefined) {
      open.text += ` ${line.trim()}`;
      continue;
    }
    open = undefined;
    if (code !== undefined) blocks.push({ kind: "code", lines: takeCode(lines, code.length) });
    else if (row !== undefined) addRow(blocks, row);
    else if (heading !== null)
      blocks.push({ kind: "heading", level: heading[1]?.length ?? 1, text: heading[2] ?? "" });
    else if (line.trim() !== "") {
      const text = item?.[2] ?? line.trim();
      const tag = item?.[1] === undefined ? "*" : `${item[1]}.`;
      open = item === null ? { kind: "paragraph", text } : { kind: "item", tag, text };
      blocks.push(open);
    }
  }
  return blocks;
}

/** Takes the lines of a block up to its end, without the indent of the block. */
function takeCode(lines: string[], indent: number): string[] {
  const end = lines.findIndex((line) => CODE.test(line));
  const taken = lines.splice(0, end === -1 ? lines.length : end);
  lines.shift();
  return taken.map((line) => line.slice(indent));
}

function addRow(blocks: Block[], row: string): void {
  const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  const last = blocks.at(-1);
  if (last?.kind === "table") last.rows.push(cells);
  else blocks.push({ kind: "table", rows: [cells] });
}

/** The first heading is the title of the page. */
function isContent(block: Block): boolean {
  if (block.kind === "heading") return block.level > 1;
  return block.kind !== "paragraph" || !/^\[[^\]]*\]\(#[^)]*\) ·/.test(block.text);
}

function formatBlock(block: Block): string {
  if (block.kind === "heading") return formatHeading(block);
  if (block.kind === "code") return literal(block.lines);
  if (block.kind === "table") return formatTable(block.rows);
  if (block.kind === "item") return `.IP ${macroWord(block.tag)} 4\n${formatText(block.text)}`;
  return paragraph(formatText(block.text.replace(/ ?Back to the \[README\].*$/, "")));
}

function formatHeading({ level, text }: { level: number; text: string }): string {
  return level === 2 ? `.SH ${macroWord(text.toUpperCase())}` : `.SS ${macroWord(text)}`;
}

/** Each row becomes an item: its first cell is the tag. The other cells follow, the explaining one first. */
function formatTable([head = [], , ...rows]: string[][]): string {
  const isExplained = head.length === 2 || /^(?:what|meaning)/.test(head.at(-1) ?? "");
  return rows
    .map(([first = "", ...cells]) => {
      const main = isExplained ? formatText(cells.at(-1) ?? "") : "";
      const others = cells.slice(0, isExplained ? -1 : undefined).flatMap((cell, index) => {
        return cell === "" ? [] : [`${escapeRoff(head[index + 1] ?? "")}: ${formatText(cell)}`];
      });
      const lines = [main, others.join("; ")].filter((line) => line !== "");
      return tagged(formatText(first) || "\\&", lines.join("\n.br\n"));
    })
    .join("\n");
}

/** The manual pages that are made of other pages of the documentation. */
const PAGE_OF: Readonly<Record<string, string>> = {
  "AUDIT.md": "negotiator-audit(5)",
  "COMMANDS.md": "negotiator-commands(7)",
  "POLICY.md": "negotiator-policy(5)",
  "SETTINGS.md": "negotiator.toml(5)",
};

/** Code and strong text become bold. Of a link the text stays, or the name of the page. */
function formatText(text: string): string {
  const plain = text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, (_, shown: string) => PAGE_OF[shown] ?? shown);
  const parts = plain.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`") && part.endsWith("`") && part.length > 1) return bold(part.slice(1, -1));
    if (part.startsWith("**") && part.length > 4) return bold(part.slice(2, -2).replaceAll("`", ""));
    return escapeRoff(part);
  });
  return parts.join("").replace(/^\./, "\\&.");
}
