/** Files that get their names together: all of them, or none. */
import { describe, expect, test } from "bun:test";
import { chmod, lstat, mkdir, readdir, readFile, readlink } from "node:fs/promises";
import type { Entry } from "../../../src/roles/install/entry.ts";
import type { JudgedEntry } from "../../../src/roles/install/judge-entry.ts";
import { stageFiles } from "../../../src/roles/install/staged-files.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const FILE = { kind: "file", mode: 0o640, content: { text: "new" }, why: "" } as const;

function judge(root: TemporaryDirectory, path: string, parts: Partial<Entry> = FILE): JudgedEntry {
  // The tests give all members of one kind.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const entry = { why: "", ...parts, path } as Entry;
  return { entry, place: root.at(path), state: "missing" };
}

/** The names below a directory. */
async function namesIn(root: TemporaryDirectory): Promise<string[]> {
  return (await readdir(root.path, { recursive: true })).toSorted();
}

describe("a commit", () => {
  test("gives files, copies, links and directories their names and modes", async () => {
    await using root = await createTemporaryDirectory();
    await using source = await createTemporaryDirectory();
    const copyOf = await source.write("program", "bytes");
    await using staged = await stageFiles([
      judge(root, "a/text"),
      judge(root, "a/program", { kind: "file", mode: 0o755, content: { copyOf } }),
      judge(root, "b/link", { kind: "link", to: "../a/text" }),
      judge(root, "c/d", { kind: "directory", mode: 0o750 }),
    ]);
    expect(await namesIn(root)).not.toContain("a/text");
    await staged.commit();
    expect(await namesIn(root)).toEqual(["a", "a/program", "a/text", "b", "b/link", "c", "c/d"]);
    expect(await readFile(root.at("a/text"), "utf8")).toBe("new");
    expect(await readFile(root.at("a/program"), "utf8")).toBe("bytes");
    expect(await readlink(root.at("b/link"))).toBe("../a/text");
    const modes = [];
    for (const path of ["a/text", "a/program", "a", "c", "c/d"])
      modes.push(((await lstat(root.at(path))).mode & 0o777).toString(8));
    expect(modes).toEqual(["640", "755", "755", "755", "750"]);
  });

  test("replaces files, and leaves neither drafts nor old files", async () => {
    await using root = await createTemporaryDirectory();
    await root.write("text", "old");
    // An interrupted installation has left these.
    await root.write(".text.negotiator-new", "draft");
    await root.write(".text.negotiator-old", "older");
    await using staged = await stageFiles([judge(root, "text")]);
    expect(await readFile(root.at("text"), "utf8")).toBe("old");
    await staged.commit();
    expect(await namesIn(root)).toEqual(["text"]);
    expect(await readFile(root.at("text"), "utf8")).toBe("new");
  });

  test("that fails gives back what was there, and names the file", async () => {
    await using root = await createTemporaryDirectory();
    await root.write("one", "old");
    await mkdir(root.at("two"));
    await using staged = await stageFiles([judge(root, "one"), judge(root, "three"), judge(root, "two")]);
    const error = await rejectionOf(staged.commit());
    expect(error).toMatchObject({ code: "UNSUPPORTED" });
    expect(error.message).toStartWith(`Cannot write "${root.at("two")}": `);
    expect(error.message).toContain("Nothing was changed");
    expect(await readFile(root.at("one"), "utf8")).toBe("old");
    await staged[Symbol.asyncDispose]();
    expect(await namesIn(root)).toEqual(["one", "two"]);
  });
});

describe("without a commit", () => {
  test("drafts and new directories are removed, and those that were there stay", async () => {
    await using root = await createTemporaryDirectory();
    await mkdir(root.at("there"));
    const staged = await stageFiles([judge(root, "there/text"), judge(root, "made/below/text")]);
    expect(await namesIn(root)).toContain("made/below/.text.negotiator-new");
    await staged[Symbol.asyncDispose]();
    expect(await namesIn(root)).toEqual(["there"]);
  });

  test("after a commit nothing is removed", async () => {
    await using root = await createTemporaryDirectory();
    const staged = await stageFiles([judge(root, "made/text")]);
    await staged.commit();
    await staged[Symbol.asyncDispose]();
    expect(await namesIn(root)).toEqual(["made", "made/text"]);
  });

  test("a file in the place of a directory is named with the command that shows it", async () => {
    await using root = await createTemporaryDirectory();
    await root.write("file", "");
    const error = await rejectionOf(stageFiles([judge(root, "new/text"), judge(root, "file/text")]));
    expect(error.message).toBe(
      `Cannot write "${root.at("file/text")}": a file is in the place of a directory. Nothing was changed\n` +
        `Look at it: ls -ld ${root.at("file")}`,
    );
    expect(await namesIn(root)).toEqual(["file"]);
  });

  test("a source that is missing fails without a trace", async () => {
    await using root = await createTemporaryDirectory();
    const copyOf = root.at("nothing");
    const error = await rejectionOf(
      stageFiles([judge(root, "new/program", { kind: "file", mode: 0o755, content: { copyOf } })]),
    );
    expect(error.message).toContain("ENOENT");
    expect(await namesIn(root)).toEqual([]);
  });
});

test("directories and files have their modes under any umask", async () => {
  await using root = await createTemporaryDirectory();
  await chmod(root.path, 0o755);
  const before = process.umask(0o077);
  try {
    await using staged = await stageFiles([judge(root, "text", { ...FILE, mode: 0o644 })]);
    await staged.commit();
  } finally {
    process.umask(before);
  }
  expect((await lstat(root.at("text"))).mode & 0o777).toBe(0o644);
});
