/** The pages as a whole: links and anchors resolve, every page can be found, and the README stays short. */
import { describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { anchorsOf, linksOf, PAGES, pageAt, ROOT } from "./support/documents.ts";

test("the README has at most 200 lines", () => {
  expect(pageAt("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(200);
});

describe("every relative link", () => {
  test.each(PAGES.map(({ path }) => path))(
    "in %s leads to a file, and its anchor to a heading",
    async (path) => {
      const broken: string[] = [];
      for (const { target, anchor } of linksOf({ path, text: pageAt(path) })) {
        const page = PAGES.find((candidate) => candidate.path === target);
        const isThere = page !== undefined || (await exists(target));
        if (!isThere) broken.push(target);
        if (anchor === undefined) continue;
        if (page === undefined || !anchorsOf(page.text).includes(anchor)) broken.push(`${target}#${anchor}`);
      }
      expect(broken).toEqual([]);
    },
  );

  test("in a page that has two equal headings is unambiguous", () => {
    for (const { path, text } of PAGES) {
      if (path === "CHANGELOG.md") continue;
      const anchors = anchorsOf(text);
      const repeated = anchors.filter((anchor, index) => anchors.indexOf(anchor) !== index);
      expect({ path, repeated }).toEqual({ path, repeated: [] });
    }
  });
});

test("the README links to every page in docs/, and every page in docs/ links back to it", () => {
  const inDocs = PAGES.filter(({ path }) => path.startsWith("docs/"));
  const links = linksOf({ path: "README.md", text: pageAt("README.md") });
  const fromReadme = new Set(links.map(({ target }) => target));
  expect(inDocs.map(({ path }) => path).filter((path) => !fromReadme.has(path))).toEqual([]);
  const own = inDocs.filter(({ path }) => path !== "docs/PROTOCOL.md");
  const lonely = own.filter((page) => !linksOf(page).some(({ target }) => target === "README.md"));
  expect(lonely.map(({ path }) => path)).toEqual([]);
});

async function exists(path: string): Promise<boolean> {
  return stat(join(ROOT, path)).then(
    () => true,
    () => false,
  );
}
