/** The comparison of a part of the installation with what is in its place. */
import { describe, expect, test } from "bun:test";
import { chmod, link, mkdir, symlink } from "node:fs/promises";
import { digestOf } from "../../../src/roles/install/digest.ts";
import type { Entry } from "../../../src/roles/install/entry.ts";
import { judgeEntry } from "../../../src/roles/install/judge-entry.ts";
import type { EntryState, Recorded } from "../../../src/roles/install/judge-entry.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const UNIT = { kind: "file", path: "/etc/unit", mode: 0o644, content: { text: "new\n" }, why: "" } as const;
const CONFIG = { ...UNIT, path: "/etc/config", isFirst: true, earlier: "old\n" } as const;
const LINK = { kind: "link", path: "/etc/link", to: "unit", why: "" } as const;
const DIRECTORY = { kind: "directory", path: "/etc/commands", mode: 0o755, why: "" } as const;
const NONE: Recorded = { files: {}, links: {} };
const OURS = "\u007fELF with the port negotiator-host-to-guest.0";

type Prepare = (root: TemporaryDirectory) => Promise<unknown>;

const write =
  (name: string, text: string): Prepare =>
  (root) =>
    root.write(name, text);

/** Judges the entry in a root that `prepare` has filled. */
async function judge(entry: Entry, prepare: Prepare, recorded: readonly Recorded[] = []) {
  await using root = await createTemporaryDirectory();
  await mkdir(root.at("etc"));
  await prepare(root);
  return judgeEntry(entry, { root: root.path, recorded });
}

const nothing: Prepare = async () => undefined;

/** Judges a copy of a program with these bytes. */
async function judgeProgram(present: string, wanted: string, isLink = false): Promise<EntryState> {
  await using source = await createTemporaryDirectory();
  const copyOf = await source.write("program", wanted);
  const entry = { ...UNIT, mode: 0o755, content: { copyOf } };
  const prepare: Prepare = async (root) => {
    if (isLink) await link(copyOf, root.at("etc/unit"));
    else await chmod(await root.write("etc/unit", present), 0o755);
  };
  return (await judge(entry, prepare)).state;
}

describe("a file", () => {
  const before = (text: string): Recorded => ({ ...NONE, files: { "/etc/unit": digestOf(text) } });
  test.each<[string, Prepare, readonly Recorded[], EntryState]>([
    ["with nothing in its place is missing", nothing, [], "missing"],
    ["without its directory is missing", (root) => chmod(root.path, 0o755), [], "missing"],
    ["with the same text and mode is the same", write("etc/unit", "new\n"), [], "same"],
    ["with the text of an installation is outdated", write("etc/unit", "x"), [NONE, before("x")], "outdated"],
    ["that was written and changed since is changed", write("etc/unit", "y"), [before("x")], "changed"],
    ["that no installation has written is foreign", write("etc/unit", "x"), [NONE], "foreign"],
    ["with a directory in its place is foreign", (root) => mkdir(root.at("etc/unit")), [], "foreign"],
    ["with a link in its place is foreign", (root) => symlink("other", root.at("etc/unit")), [], "foreign"],
  ])("%s", async (_, prepare, recorded, state) => {
    expect((await judge(UNIT, prepare, recorded)).state).toBe(state);
  });

  test("with another mode is outdated", async () => {
    expect((await judge({ ...UNIT, mode: 0o755 }, write("etc/unit", "new\n"))).state).toBe("outdated");
  });

  test("with a file in the place of its directory is missing", async () => {
    const entry = { ...UNIT, path: "/etc/unit/below" };
    expect((await judge(entry, write("etc/unit", "x"))).state).toBe("missing");
  });

  test("that gets a line is outdated", async () => {
    const entry = { ...UNIT, appended: "negotiator:x:998:" };
    expect((await judge(entry, write("etc/unit", "root:x:0:\n"))).state).toBe("outdated");
  });

  test.each<[string, string, EntryState]>([
    ["an earlier text of an installation is outdated", "old\n", "outdated"],
    ["any other text is left", "mine\n", "same"],
  ])("of the administrator with %s", async (_, text, state) => {
    expect((await judge(CONFIG, write("etc/config", text))).state).toBe(state);
  });

  test("of the administrator without an earlier text is left", async () => {
    const { earlier: _, ...entry } = CONFIG;
    expect((await judge(entry, write("etc/config", "old\n"))).state).toBe("same");
  });
});

describe("the program", () => {
  test("that is the same file is the same, whatever its mode", async () => {
    expect(await judgeProgram("", OURS, true)).toBe("same");
  });
  test("with the same bytes and mode is the same", async () => {
    expect(await judgeProgram(OURS, OURS)).toBe("same");
  });
  test("of another release is outdated, also without a record", async () => {
    expect(await judgeProgram(`${OURS}, older`, OURS)).toBe("outdated");
  });
  test.each(["no program with negotiator-host-to-guest.0", "\u007fELF of another project"])(
    "in whose place is %j is foreign",
    async (present) => {
      expect(await judgeProgram(present, OURS)).toBe("foreign");
    },
  );
});

describe("a link", () => {
  const before: Recorded = { ...NONE, links: { "/etc/link": "older" } };
  test.each<[string, Prepare, EntryState]>([
    ["with nothing in its place is missing", nothing, "missing"],
    ["to the same target is the same", (root) => symlink("unit", root.at("etc/link")), "same"],
    ["of an installation is outdated", (root) => symlink("older", root.at("etc/link")), "outdated"],
    ["of somebody else is foreign", (root) => symlink("mine", root.at("etc/link")), "foreign"],
    ["with a file in its place is foreign", write("etc/link", "x"), "foreign"],
  ])("%s", async (_, prepare, state) => {
    expect((await judge(LINK, prepare, [NONE, before])).state).toBe(state);
  });
});

describe("a directory", () => {
  test.each<[string, Prepare, EntryState]>([
    ["with nothing in its place is missing", nothing, "missing"],
    ["that is there is the same", (root) => mkdir(root.at("etc/commands")), "same"],
    ["with a file in its place is foreign", write("etc/commands", "x"), "foreign"],
    [
      "behind a link of the image is the same",
      async (root) => {
        await mkdir(root.at("srv"));
        await symlink("/srv", root.at("etc/commands"));
      },
      "same",
    ],
    ["behind a link to nothing is foreign", (root) => symlink("/srv", root.at("etc/commands")), "foreign"],
  ])("%s", async (_, prepare, state) => {
    expect((await judge(DIRECTORY, prepare)).state).toBe(state);
  });
});

test("a way that others may write to is named with its remedy", async () => {
  const { problem } = await judge(UNIT, (root) => chmod(root.at("etc"), 0o777));
  expect(problem).toContain("chmod");
  expect(await judge(UNIT, nothing)).not.toHaveProperty("problem");
});
