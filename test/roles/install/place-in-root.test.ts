/** Places in an image: its links lead to places in it, as on the machine itself. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { existsInRoot, placeInRoot } from "../../../src/roles/install/place-in-root.ts";
import { errorOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let image: TemporaryDirectory;
beforeEach(async () => {
  image = await createTemporaryDirectory();
  await mkdir(image.at("usr", "lib"), { recursive: true });
});
afterEach(() => image[Symbol.asyncDispose]());

const placeOf = (path: string, last = false): string =>
  placeInRoot(image.path, path, { last }).slice(image.path.length);

test("a path without links is the same path under the root, without empty parts and dots", () => {
  expect(placeOf("/usr//./lib/x")).toBe("/usr/lib/x");
  expect(placeOf("/not/there")).toBe("/not/there");
});

test("two dots lead up, and never out of the root", () => {
  expect(placeOf("/usr/../etc")).toBe("/etc");
  expect(placeOf("/../../etc")).toBe("/etc");
});

test("an absolute link on the way leads to a place in the image", async () => {
  await symlink("/usr/lib", image.at("lib"));
  expect(placeOf("/lib/x/y")).toBe("/usr/lib/x/y");
});

test("a relative link starts at its own directory", async () => {
  await symlink("lib/../lib", image.at("usr", "lib64"));
  await symlink("../../../../usr", image.at("usr", "up"));
  expect(placeOf("/usr/lib64/x")).toBe("/usr/lib/x");
  expect(placeOf("/usr/up/x")).toBe("/usr/x");
});

test("a link at the end is followed only if the caller wants that", async () => {
  await symlink("/usr/lib", image.at("lib"));
  expect(placeOf("/lib")).toBe("/lib");
  expect(placeOf("/lib", true)).toBe("/usr/lib");
  expect(placeInRoot(image.path, "/lib")).toBe(image.at("lib"));
});

/** Makes links of which each leads to the next one, and the last one to `usr`. */
async function chain(length: number): Promise<void> {
  for (let number = 1; number <= length; number++)
    await symlink(number === length ? "usr" : `l${number + 1}`, image.at(`l${number}`));
}

test("a chain of 40 links is followed, and one of 41 is refused with the command to look at it", async () => {
  await chain(41);
  expect(placeOf("/l2/x")).toBe("/usr/x");
  const { code, message } = errorOf(() => placeOf("/l1/x"));
  expect(code).toBe("BAD_CONFIG");
  const path = image.at("l1", "x");
  expect(message).toBe(`Cannot follow "${path}": too many links\nLook at its links: namei -l ${path}`);
});

test("a file on the way does not hinder the name of a place, and nothing is there", async () => {
  await image.write("file", "");
  expect(placeOf("/file/x")).toBe("/file/x");
  expect(existsInRoot(image.path, "/file/x")).toBe(false);
  expect(existsInRoot(image.path, "/file")).toBe(true);
});

test("a link into nothing, and links in a circle, lead to nothing that is there", async () => {
  await symlink("/nowhere", image.at("dangling"));
  await symlink("circle", image.at("circle"));
  await symlink("/usr", image.at("good"));
  expect(existsInRoot(image.path, "/dangling")).toBe(false);
  expect(existsInRoot(image.path, "/circle")).toBe(false);
  expect(existsInRoot(image.path, "/good/lib")).toBe(true);
  expect(existsInRoot(image.path, "/good")).toBe(true);
});
