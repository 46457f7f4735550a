/** AGENTS.md is a true map: it names every file and room, no others, and the real import rules. */
import { describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  firstColumnOf,
  headingsOf,
  literalsOf,
  pageAt,
  PAGES,
  ROOT,
  rowsOf,
  sectionOf,
} from "./support/documents.ts";
import { ZONES } from "./support/house-tables.ts";
import { readSourceTree } from "./support/source-tree.ts";

const MAP = pageAt("AGENTS.md");
const ROOMS = headingsOf(sectionOf(MAP, "Rooms")).flatMap(literalsOf);
const FILES = (await readSourceTree(["src", "scripts"])).map(({ path }) => path);
/** A path in the repository. Parts in capitals stand for a name that the reader chooses. */
const PATH = /^(?:src|test|scripts|bench|hostile|chaos|docs|examples)\/[\w./-]*$|^[A-Z]+\.md$/;

test("the map has a room for each folder of src and scripts, and no other", () => {
  const folders = new Set(FILES.map((path) => `${dirname(path)}/`));
  expect(ROOMS.toSorted()).toEqual([...folders].toSorted());
});

describe("the room", () => {
  test.each(ROOMS)("%s on the map names each of its files once, and no other", (room) => {
    const inRoom = FILES.filter((path) => `${dirname(path)}/` === room);
    const named = rowsOf(MAP, `\`${room}\``).flatMap(([file]) =>
      literalsOf(file).map((name) => `${room}${name}`),
    );
    expect(named.toSorted()).toEqual(inRoom.toSorted());
  });

  test.each(ROOMS)("%s on the map has a text for each file", (room) => {
    const empty = rowsOf(MAP, `\`${room}\``).filter(([, text = ""]) => text.length < 4 || text === "TODO");
    expect(empty).toEqual([]);
  });
});

test("every path on the map exists, and a path with NAME has a place to go to", async () => {
  const paths = [...new Set(literalsOf(MAP).filter((word) => PATH.test(word)))];
  expect(paths.length).toBeGreaterThan(50);
  const missing: string[] = [];
  for (const path of paths) if (!(await exists(placeOf(path)))) missing.push(path);
  expect(missing).toEqual([]);
});

test("the map's table of imports equals the tables of the house", () => {
  const rows = rowsOf(MAP, "Who may import whom").map(([zone, may]) => [
    literalsOf(zone)[0],
    literalsOf(may),
  ]);
  expect(rows).toEqual(ZONES.map(({ name, may }) => [name, [...may]]));
});

test("a README in a folder of src names each file of that folder, and no other", () => {
  const readmes = PAGES.filter(({ path }) => path.startsWith("src/"));
  expect(readmes.length).toBeGreaterThan(0);
  for (const { path, text } of readmes) {
    const folder = `${dirname(path)}/`;
    const named = firstColumnOf(text, "What it does").map((name) => `${folder}${name}`);
    const inFolder = FILES.filter((file) => file.startsWith(folder));
    expect(named.toSorted()).toEqual(inFolder.toSorted());
  }
});

describe("the recipes", () => {
  const recipes = sectionOf(MAP, "Recipes")
    .split(/^(?=\*\*)/m)
    .slice(1);

  test.each(["built-in command", "setting", "method", "event", "subcommand", "dialect", "test VM"])(
    "include one to add: %s",
    (thing) => {
      const recipe = recipes.find((text) => text.startsWith("**To add a") && text.includes(` ${thing}**`));
      const files = literalsOf(recipe).filter((word) => PATH.test(word));
      expect(files.length).toBeGreaterThan(2);
      expect(files.some((path) => path.startsWith("test/"))).toBe(true);
    },
  );
});

test("every step in the walk of one execute is a file", () => {
  const steps = rowsOf(MAP, "The walk of one execute").flatMap((row) => row.flatMap(literalsOf));
  expect(steps.filter((step) => !FILES.includes(step))).toEqual([]);
  expect(steps.length).toBeGreaterThan(20);
});

test("every term of the glossary is a word of the source or of the pages", async () => {
  const pages = PAGES.filter(({ path }) => path !== "AGENTS.md").map(({ text }) => text);
  const tree = await readSourceTree(["src"]);
  const words = [...pages, ...tree.map(({ text }) => text)].join("\n").toLowerCase();
  const terms = rowsOf(MAP, "Glossary").flatMap(([cell = ""]) => cell.split(", "));
  expect(terms.filter((term) => !words.includes(term.toLowerCase()))).toEqual([]);
  expect(new Set(terms).size).toBe(terms.length);
});

test("the map's list of tests and pages has a row for each page in the repository's root", () => {
  const listed = firstColumnOf(MAP, "Tests and pages");
  const atRoot = PAGES.map(({ path }) => path).filter((path) => !path.includes("/") && path !== "AGENTS.md");
  expect(atRoot.filter((path) => !listed.includes(path))).toEqual([]);
});

/** The path itself, or the folder that a file with a chosen name goes to. */
function placeOf(path: string): string {
  const parts = path.split("/");
  const chosen = parts.findIndex((part) => part.startsWith("NAME"));
  return chosen === -1 ? path : parts.slice(0, chosen).join("/");
}

async function exists(path: string): Promise<boolean> {
  return stat(join(ROOT, path)).then(
    () => true,
    () => false,
  );
}
