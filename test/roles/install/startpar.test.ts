/** The lists of sysvinit in an image get one line for the service, and lose only that one. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { startparEntries, startparRemovals } from "../../../src/roles/install/startpar.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const START = "etc/init.d/.depend.start";
const STOP = "etc/init.d/.depend.stop";
const LINE = "TARGETS = negotiator-guest\n";

let image: TemporaryDirectory;
beforeEach(async () => void (image = await createTemporaryDirectory()));
afterEach(() => image[Symbol.asyncDispose]());

const textsOf = (role: "host" | "guest"): [string, unknown][] =>
  startparEntries(role, image.path).map((entry) => [
    entry.path,
    entry.kind === "file" && "text" in entry.content ? entry.content.text : undefined,
  ]);

test("an image without lists gets none, and loses none", () => {
  expect(textsOf("guest")).toEqual([]);
  expect(startparRemovals("guest", image.path)).toEqual([]);
});

test("each list that is there gets the line at its end, after exactly one line break", async () => {
  await image.write(START, "TARGETS = ssh\n\n\n");
  await image.write(STOP, "TARGETS = cron");
  expect(textsOf("guest")).toEqual([
    [`/${START}`, `TARGETS = ssh\n${LINE}`],
    [`/${STOP}`, `TARGETS = cron\n${LINE}`],
  ]);
});

test("a list that names the service, alone or among others, is not changed for it", async () => {
  await image.write(START, `TARGETS = ssh\n${LINE}`);
  await image.write(STOP, "TARGETS = ssh negotiator-guest cron\n");
  expect(textsOf("guest")).toEqual([]);
  expect(textsOf("host").map(([path]) => path)).toEqual([`/${START}`, `/${STOP}`]);
});

test("the name of the service outside the targets does not count", async () => {
  await image.write(START, "INTERACTIVE = negotiator-guest\n");
  expect(textsOf("guest")).toHaveLength(1);
});

test("a removal takes the line away and leaves the rest, and another list is left alone", async () => {
  const place = await image.write(START, `TARGETS = ssh\n${LINE}TARGETS = cron\n`);
  await image.write(STOP, "TARGETS = ssh negotiator-guest\n");
  const [removal, ...others] = startparRemovals("guest", image.path);
  expect(others).toEqual([]);
  expect(removal).toMatchObject({
    path: `/${START}`,
    command: `sed -i '/^TARGETS = negotiator-guest$/d' ${place}`,
  });
  await removal?.run();
  expect(await readFile(place, "utf8")).toBe("TARGETS = ssh\nTARGETS = cron\n");
});
