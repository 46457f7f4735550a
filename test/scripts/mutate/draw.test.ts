/** Faults from a seed: the same ones again, none twice, and none that is known to change nothing. */
import { expect, test } from "bun:test";
import { CHOSEN } from "../../../scripts/mutate/chosen.ts";
import { drawFaults, pickFaults } from "../../../scripts/mutate/draw.ts";
import { EQUIVALENTS } from "../../../scripts/mutate/equivalents.ts";
import { findPlace, findStale } from "../../../scripts/mutate/fault.ts";
import { DRAWN_KINDS, findPlaces } from "../../../scripts/mutate/places.ts";
import { readSourceTree } from "../../support/source-tree.ts";

const FILES = await readSourceTree(["src"]);
const draw = (seed: number, count: number) => [...drawFaults(FILES, seed).take(count)];

test("a seed draws the same faults again, another seed draws others", () => {
  expect(draw(7, 20)).toEqual(draw(7, 20));
  expect(draw(7, 20)).not.toEqual(draw(8, 20));
});

test("two hundred drawn faults are of all kinds, in many files, and none comes twice", () => {
  const faults = draw(1, 200);
  expect(new Set(faults.map(({ why }) => why))).toEqual(new Set(DRAWN_KINDS));
  expect(new Set(faults.map(({ file }) => file)).size).toBeGreaterThan(60);
  expect(new Set(faults.map(({ file, at, to }) => `${file} ${at} ${to}`)).size).toBe(200);
});

test("a draw ends when all places of its files are drawn", () => {
  const files = [{ path: "src/x.ts", text: "if (a) b;" }];
  expect([...drawFaults(files, 1)]).toHaveLength(2);
});

test("no fault is drawn in help texts and the table of limits", () => {
  const files = ["src/limits.ts", "src/roles/cli/help.ts", "src/roles/cli/notes.ts"];
  expect([
    ...drawFaults(
      files.map((path) => ({ path, text: "if (a) b;" })),
      1,
    ),
  ]).toEqual([]);
});

test("pickFaults picks so many, in their order, and all if there are fewer", () => {
  const picked = pickFaults(CHOSEN, 10, 3);
  expect(picked).toHaveLength(10);
  expect(picked.map((fault) => CHOSEN.indexOf(fault)).toSorted((a, b) => a - b)).toEqual(
    picked.map((fault) => CHOSEN.indexOf(fault)),
  );
  expect(pickFaults(CHOSEN, 10, 4)).not.toEqual(picked);
  expect(pickFaults(CHOSEN, 1000, 3)).toEqual([...CHOSEN]);
});

test("each chosen fault can be planted in the source as it is", () => {
  // Correct the others in scripts/mutate/chosen-*.ts.
  expect(findStale(CHOSEN, FILES).map(({ problem }) => problem)).toEqual([]);
});

test("each fault that changes nothing is a place of the source, and is not drawn", () => {
  const drawn = new Set(
    [...drawFaults(FILES, 1)].map(({ file, from, to, at }) => `${file} ${from} ${to} ${at}`),
  );
  for (const { file, from, to, line } of EQUIVALENTS) {
    const text = FILES.find(({ path }) => path === file)?.text ?? "";
    const places = findPlaces(file, text).filter(
      (fault) =>
        fault.from === from &&
        fault.to === to &&
        (line === undefined || findPlace(text, fault).source.includes(line)),
    );
    expect({ file, from, to, places: places.length }).toEqual({ file, from, to, places: 1 });
    for (const { at } of places) expect(drawn).not.toContain(`${file} ${from} ${to} ${at}`);
  }
});
