/** Unsafe directories and links on the way to a path. */
import { expect, test } from "bun:test";
import { chmod, chown, lchown, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ourUid } from "../../src/trust/ownership.ts";
import { findPathFault } from "../../src/trust/path-trust.ts";
import type { PathTrust } from "../../src/trust/path-trust.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const OWN: PathTrust = { uid: ourUid(), groups: "own" };
const MEANT: PathTrust = { ...OWN, groups: "meant" };
const OTHER_USER = 65_534;

/** A file `way/place/file`; `find` returns what is wrong with the way to it. */
async function createPlace() {
  const directory = await createTemporaryDirectory();
  const path = await directory.write("way/place/file", "");
  await chmod(directory.at("way"), 0o755);
  await chmod(directory.at("way/place"), 0o755);
  return {
    directory,
    path,
    way: directory.at("way"),
    find: (trust = OWN, at = path) => findPathFault(at, trust),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("a path through directories of root and our own user is safe, also below /tmp", async () => {
  await using place = await createPlace();
  for (const path of [place.path, dirname(place.path), "/", "/usr/bin", "/bin/sh", "/dev/null", "/tmp"])
    expect(findPathFault(path, OWN)).toBeUndefined();
  expect(place.find(OWN, `${place.way}/../way/./place//file`)).toBeUndefined();
  expect(() => place.find(OWN, join(place.way, "absent"))).toThrow("ENOENT");
});

test("a directory that everybody may write to is unsafe, unless it is sticky", async () => {
  await using place = await createPlace();
  await chmod(place.way, 0o757);
  const fault = {
    problem: `everybody may write to "${place.way}"`,
    publicProblem: "can be replaced by others",
    remedy: `Correct it with: chmod o-w ${place.way}`,
  };
  for (const trust of [OWN, MEANT]) expect(place.find(trust)).toEqual(fault);
  await chmod(place.way, 0o1777);
  expect(place.find()).toBeUndefined();
});

test("an unsafe directory on the way of a link makes the path unsafe", async () => {
  await using place = await createPlace();
  const { directory } = place;
  await mkdir(directory.at("open"));
  await symlink("../way/place", directory.at("open/second"));
  await symlink(directory.at("open/second"), directory.at("first"));
  const path = directory.at("first/file");
  expect(place.find(OWN, path)).toBeUndefined();
  await chmod(directory.at("open"), 0o777);
  expect(place.find(OWN, path)?.problem).toBe(`everybody may write to "${directory.at("open")}"`);
  expect(place.find(OWN, directory.at("way/place/file"))).toBeUndefined();
});

test("a link to itself throws: more than 40 symbolic links", async () => {
  await using place = await createPlace();
  await symlink("circle", place.directory.at("circle"));
  expect(() => place.find(OWN, place.directory.at("circle"))).toThrow("more than 40 symbolic links");
});

test.if(IS_ROOT)(
  "a directory of another user, or his link in a sticky directory, is unsafe (needs root)",
  async () => {
    await using place = await createPlace();
    await chown(place.way, OTHER_USER, OTHER_USER);
    expect(place.find()?.problem).toBe(`"${place.way}" belongs to user ${OTHER_USER}`);
    expect(place.find({ ...OWN, uid: OTHER_USER })).toBeUndefined();
    await chown(place.way, 0, 0);
    await chmod(place.way, 0o1777);
    const link = join(place.way, "link");
    await symlink("place", link);
    expect(place.find(OWN, join(link, "file"))).toBeUndefined();
    await lchown(link, OTHER_USER, OTHER_USER);
    expect(place.find(OWN, join(link, "file"))?.remedy).toEndWith(`: chown -h root: ${link}`);
  },
);

test.if(IS_ROOT)(
  "a link of root into a user's directory is named, and the directory stays that user's (needs root)",
  async () => {
    await using place = await createPlace();
    const home = place.directory.at("home");
    await mkdir(join(home, "log"), { recursive: true });
    await chown(home, OTHER_USER, OTHER_USER);
    const link = join(place.way, "link");
    await symlink(join(home, "log"), link);
    const fault = place.find(OWN, link);
    expect(fault?.problem).toBe(
      `"${home}" belongs to user ${OTHER_USER}, and the link "${link}" leads there`,
    );
    expect(fault?.remedy).toEndWith(`: rm ${link}`);
  },
);

test.if(IS_ROOT)(
  "a sticky directory of another user is unsafe, because its owner may replace all entries (needs root)",
  async () => {
    await using place = await createPlace();
    await chown(place.way, OTHER_USER, OTHER_USER);
    await chmod(place.way, 0o1777);
    for (const trust of [OWN, MEANT])
      expect(place.find(trust)?.problem).toBe(`"${place.way}" belongs to user ${OTHER_USER}`);
  },
);

test.if(IS_ROOT)(
  "a directory of a group with other members is unsafe, unless groups are meant (needs root)",
  async () => {
    await using place = await createPlace();
    await giveToGroup(place.directory, 0);
    expect(place.find()).toBeUndefined();
    await giveToGroup(place.directory, 54_321);
    expect(place.find()).toMatchObject({
      problem: `group 54321 may write to "${place.way}", and it is not known to the system`,
      remedy: `Correct it with: chmod g-w ${place.way}`,
    });
    expect(place.find(MEANT)).toBeUndefined();
  },
);

async function giveToGroup(directory: TemporaryDirectory, gid: number): Promise<void> {
  await chown(directory.at("way"), 0, gid);
  await chmod(directory.at("way"), 0o775);
}
