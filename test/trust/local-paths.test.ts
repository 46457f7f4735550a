/** Looks without promises: only at paths that are known to be on local file systems. */
import { expect, test } from "bun:test";
import { chmod, rename, rm, symlink } from "node:fs/promises";
import { judge, rememberLocal } from "../../src/trust/local-paths.ts";
import { judgeLater } from "../../src/trust/look.ts";
import type { Eyes, Judgement, Seen } from "../../src/trust/look.ts";
import { ourUid } from "../../src/trust/ownership.ts";
import { judgePath } from "../../src/trust/path-trust.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const TRUST = { uid: ourUid(), groups: "own" } as const;

type Way = "now" | "later";

/**
 * The way of a judgement: `judge` starts a judgement again for each look through a promise, and only then.
 */
async function wayOf(judgement: Judgement<unknown>): Promise<Way> {
  let starts = 0;
  await judge((eyes) => {
    starts++;
    return judgement(eyes);
  });
  return starts === 1 ? "now" : "later";
}

/** Judges until the paths are known. A judgement does not wait until they are remembered. */
async function learn(start: Judgement<unknown>): Promise<void> {
  await until("the paths are known to be local", async () => (await wayOf(start)) === "now");
}

test("the first judgement of a path looks through promises, later ones look at once", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("place/file", "");
  const start = (eyes: Eyes) => judgePath(path, TRUST, eyes);
  expect(await wayOf(start)).toBe("later");
  await learn(start);
  expect(await wayOf(start)).toBe("now");
});

test("a look at once sees every change", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("place/file", "");
  const start = (eyes: Eyes) => judgePath(path, TRUST, eyes);
  await learn(start);
  expect(await judge(start)).toBeUndefined();
  await chmod(directory.at("place"), 0o757);
  expect(await judge(start)).toMatchObject({ problem: expect.stringContaining("everybody may write") });
  await rm(directory.at("place"), { recursive: true });
  expect(await judge(start)).toBe("absent");
});

test("a path that is new or has gone is looked at through promises again", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("file");
  const start = (eyes: Eyes) => eyes.statusOf(path);
  await learn(start);
  await directory.write("file", "");
  expect(await wayOf(start)).toBe("later");
  await learn(start);
  await rm(path);
  expect(await wayOf(start)).toBe("later");
  expect(await judge(start)).toBeUndefined();
});

test("the target of a link is always looked at through promises", async () => {
  await using directory = await createTemporaryDirectory();
  const target = await directory.write("target", "");
  const link = directory.at("link");
  await symlink(target, link);
  const start = (eyes: Eyes) => [eyes.statusOf(link), eyes.targetStatusOf(link)];
  const seen: Seen = new Map();
  await judgeLater(start, seen);
  expect(await rememberLocal(seen)).toBe(true);
  expect(await wayOf(start)).toBe("later");
});

test("a link on the way that leads to an unknown place is looked at through promises", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("one/file", "");
  await directory.write("two/file", "");
  await symlink("one", directory.at("way"));
  const start = (eyes: Eyes) => judgePath(directory.at("way/file"), TRUST, eyes);
  await learn(start);
  expect(await wayOf(start)).toBe("now");
  await symlink("two", directory.at("new"));
  await rename(directory.at("new"), directory.at("way"));
  expect(await wayOf(start)).toBe("later");
});

test.each(["/proc/self/status", "/proc/self/absent", "/sys/kernel"])(
  "%s is not on a local file system",
  async (path) => {
    const seen: Seen = new Map();
    await judgeLater((eyes) => eyes.statusOf(path), seen);
    expect(await rememberLocal(seen)).toBe(false);
    expect(await wayOf((eyes) => eyes.statusOf(path))).toBe("later");
  },
);

test("a path that is remembered as local is forgotten with a path that is not", async () => {
  await using directory = await createTemporaryDirectory();
  const start = (eyes: Eyes) => eyes.statusOf(directory.path);
  await learn(start);
  const seen: Seen = new Map();
  await judgeLater((eyes) => [directory.path, "/proc/self/status"].map(eyes.statusOf), seen);
  expect(await rememberLocal(seen)).toBe(false);
  expect(await wayOf(start)).toBe("later");
});
