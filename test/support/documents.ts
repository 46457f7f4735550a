/** Reads the project's pages: sections, tables, fenced blocks, links, and lines of shell. */
import { expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import { FAULTS } from "../../src/errors.ts";
import { runProgram } from "./program-run.ts";

/** The repository's root directory. */
export const ROOT = join(import.meta.dir, "../..");

/** A page; `path` is relative to the repository. */
export type Page = { path: string; text: string };

/** Every page of the project, the README first. */
export const PAGES: readonly Page[] = await readPages();

/** The text of the page at `path`. Throws if the page does not exist. */
export function pageAt(path: string): string {
  const page = PAGES.find((candidate) => candidate.path === path);
  if (page === undefined) throw new Error(`There is no page "${path}"`);
  return page.text;
}

/** The contents of a page's fenced blocks of a language, list indentation removed. */
export function blocksOf(text: string, language: string): string[] {
  const blocks = text.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms);
  return [...blocks]
    .filter(([, , found]) => found === language)
    .map(([, indent = "", , content = ""]) => content.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

/** The lines of shell in the blocks of a page, each once. */
export function shellLinesOf(text: string): string[] {
  return [...new Set(blocksOf(text, "sh").flatMap((block) => block.split("\n")))].filter(Boolean);
}

/** The text under a heading of any level, up to the next heading of the same or a higher level. */
export function sectionOf(text: string, heading: string): string {
  const lines = withoutBlocks(text).split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length;
  if (level === undefined) throw new Error(`There is no heading "${heading}"`);
  const ends = new RegExp(`^#{1,${level}} `);
  const after = lines.slice(start + 1);
  const end = after.findIndex((line) => ends.test(line));
  return after.slice(0, end === -1 ? undefined : end).join("\n");
}

/** The cells of each row in a section's tables, without table headings. Throws if there is none. */
export function rowsOf(text: string, heading: string): string[][] {
  const lines = sectionOf(text, heading).split("\n");
  const rows = lines.filter((line, index) => line.startsWith("| ") && !lines[index + 1]?.startsWith("|---"));
  if (rows.length === 0) throw new Error(`There is no table under "${heading}"`);
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** The literals in the first column of a section's tables. */
export function firstColumnOf(text: string, heading: string): string[] {
  return rowsOf(text, heading).flatMap(([cell]) => literalsOf(cell));
}

/** The texts between backquotes. */
export function literalsOf(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]*)`/g)].map(([, literal = ""]) => literal);
}

/** The headings of a page without their `#`. */
export function headingsOf(text: string): string[] {
  return withoutBlocks(text)
    .split("\n")
    .filter((line) => /^#+ /.test(line))
    .map((line) => line.replace(/^#+ /, ""));
}

/** The anchors of a page's headings, made as GitHub makes them. */
export function anchorsOf(text: string): string[] {
  return headingsOf(text).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-"),
  );
}

/** Every relative link of a page: its path from the repository's root, and its anchor if it has one. */
export function linksOf({ path, text }: Page): { target: string; anchor: string | undefined }[] {
  const links = [...withoutBlocks(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, link = ""]) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [file = "", anchor] = link.split("#");
      return { target: file === "" ? path : posix.join(posix.dirname(path), file), anchor };
    });
}

/** The error texts in the headings of docs/TROUBLESHOOTING.md. `isOurs`: this program prints them. */
export function quotedMessages(): { message: string; isOurs: boolean }[] {
  const text = pageAt("docs/TROUBLESHOOTING.md");
  return headingsOf(text).flatMap((heading) => {
    const [, message] = /^`(.*)`$/.exec(heading) ?? [];
    if (message === undefined) return [];
    return [{ message, isOurs: !sectionOf(text, heading).includes("This message comes from") }];
  });
}

/** Expects docs/TROUBLESHOOTING.md to have the first line of the message as a heading. */
export function expectMessage(message: string | Error): void {
  const [line = ""] = (message instanceof Error ? message.message : message).split("\n");
  expect(quotedMessages().map((quoted) => quoted.message)).toContain(line);
}

/** Expects the program to accept the words. It reads settings after them, so a bad setting proves that. */
export async function expectGoodUsage(words: readonly string[]): Promise<void> {
  const environment = { NEGOTIATOR_LOG_LEVEL: "bad" };
  const { exitCode, stdout, stderr } = await runProgram(words, { environment });
  // `doctor` reports the setting and goes on.
  expect(`${stdout}${stderr}`).toContain("NEGOTIATOR_");
  // `execute` has another exit code for a bad setting. Wrong usage is 2, and 3 for `doctor`.
  expect(words[1] === "doctor" ? [2] : [1, FAULTS.BAD_CONFIG.exitCode]).toContain(exitCode);
}

async function readPages(): Promise<Page[]> {
  const docs = (await readdir(join(ROOT, "docs"))).toSorted().map((name) => `docs/${name}`);
  const inSource = [...new Bun.Glob("src/**/*.md").scanSync(ROOT)].toSorted();
  const paths = ["README.md", "MIGRATING.md", "CHANGELOG.md", "AGENTS.md", ...docs, ...inSource];
  return Promise.all(paths.map(async (path) => ({ path, text: await Bun.file(join(ROOT, path)).text() })));
}

/** Lines of a block that begin with `#` are not headings, and brackets in it are not links. */
function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *```.*?^ *```$/gms, "");
}
