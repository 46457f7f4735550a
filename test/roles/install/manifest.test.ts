/** The list of what an installation made. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, symlink } from "node:fs/promises";
import { digestOf } from "../../../src/roles/install/digest.ts";
import type { JudgedEntry } from "../../../src/roles/install/judge-entry.ts";
import {
  formatManifest,
  isInstalled,
  manifestPath,
  nextManifest,
  readManifest,
  withoutFiles,
} from "../../../src/roles/install/manifest.ts";
import type { Manifest } from "../../../src/roles/install/manifest.ts";
import { VERSION } from "../../../src/version.ts";
import { errorOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const PLACE = "var/lib/negotiator/install-host.json";
const EMPTY: Manifest = {
  version: "0.1.0",
  manager: "systemd",
  files: {},
  links: {},
  directories: [],
  groups: [],
};
const FULL: Manifest = {
  ...EMPTY,
  files: { "/usr/local/bin/negotiator": "abc" },
  links: { "/usr/local/bin/negotiator-host": "negotiator" },
  directories: ["/etc/negotiator/commands"],
  groups: ["negotiator"],
  agentServices: ["qemu-guest-agent"],
};

const FILE = { kind: "file", mode: 0o644, content: { text: "text" }, why: "" } as const;
const judged = (entry: JudgedEntry["entry"], state: JudgedEntry["state"] = "missing"): JudgedEntry => ({
  entry,
  place: entry.path,
  state,
});
const next = (each: readonly JudgedEntry[], written: readonly JudgedEntry[], before?: Manifest) =>
  nextManifest({
    before,
    judged: each,
    written: new Set(written),
    manager: "openrc",
    groups: [],
    agentServices: [],
  });

describe("reading it", () => {
  test("a written list is read as it was, and that of the other role is missing", async () => {
    await using root = await createTemporaryDirectory();
    await root.write(PLACE, formatManifest(FULL));
    expect(manifestPath("host")).toBe(`/${PLACE}`);
    expect(readManifest(root.path, "host")).toEqual(FULL);
    expect(readManifest(root.path, "guest")).toBeUndefined();
  });

  test("a file in the place of its directory counts as no list", async () => {
    await using root = await createTemporaryDirectory();
    await root.write("var/lib", "");
    expect(readManifest(root.path, "host")).toBeUndefined();
  });

  test.each([0o664, 0o646])(
    "a list with the mode %o is refused with the command that removes it",
    async (mode) => {
      await using root = await createTemporaryDirectory();
      await chmod(await root.write(PLACE, formatManifest(FULL)), mode);
      const { code, message } = errorOf(() => readManifest(root.path, "host"));
      expect({ code, message }).toEqual({
        code: "BAD_CONFIG",
        message:
          `Cannot trust "${root.at(PLACE)}": others than root could have written it\n` +
          `Remove it: rm ${root.at(PLACE)}`,
      });
    },
  );

  test("a link in its place is refused", async () => {
    await using root = await createTemporaryDirectory();
    await mkdir(root.at("var/lib/negotiator"), { recursive: true });
    await symlink(await root.write("list", formatManifest(FULL)), root.at(PLACE));
    expect(errorOf(() => readManifest(root.path, "host")).message).toStartWith("Cannot trust ");
  });

  test.each([
    ["{", 'Cannot read "PLACE": it is not JSON\nRemove it: rm PLACE'],
    [JSON.stringify({ ...FULL, manager: "launchd" }), "manager"],
    [JSON.stringify({ ...FULL, more: 1 }), "more"],
  ])("the text %j is refused", async (text, problem) => {
    await using root = await createTemporaryDirectory();
    await root.write(PLACE, text);
    const { code, message } = errorOf(() => readManifest(root.path, "host"));
    expect(code).toBe("BAD_CONFIG");
    expect(message).toContain(problem.replaceAll("PLACE", root.at(PLACE)));
    expect(message).toEndWith(`Remove it: rm ${root.at(PLACE)}`);
  });
});

test.each<[Partial<Manifest>, boolean]>([
  [{}, false],
  [{ files: FULL.files }, true],
  [{ links: FULL.links }, true],
  [{ directories: FULL.directories, groups: FULL.groups }, false],
])("a list with %j is an installation: %p", (parts, expected) => {
  expect(isInstalled({ ...EMPTY, ...parts })).toBe(expected);
});

test("without its files a list keeps directories and groups", () => {
  const { agentServices: _, ...rest } = FULL;
  expect(withoutFiles(FULL)).toEqual({ ...rest, files: {}, links: {} });
});

describe("the next list", () => {
  test("has what is written and what was the same, sorted, and nothing else", () => {
    const [one, two, three] = [
      judged({ ...FILE, path: "/b" }),
      judged({ ...FILE, path: "/a" }, "same"),
      judged({ ...FILE, path: "/c" }, "foreign"),
    ];
    const links = [
      judged({ kind: "link", path: "/z", to: "1", why: "" }),
      judged({ kind: "link", path: "/y", to: "2", why: "" }, "same"),
      judged({ kind: "link", path: "/x", to: "3", why: "" }, "foreign"),
    ];
    const [link] = links;
    const list = next([one, two, three, ...links], [one, ...(link ? [link] : [])]);
    expect(Object.entries(list.files)).toEqual([
      ["/a", digestOf("text")],
      ["/b", digestOf("text")],
    ]);
    expect(Object.entries(list.links)).toEqual([
      ["/y", "2"],
      ["/z", "1"],
    ]);
    expect(list).toMatchObject({ version: VERSION, manager: "openrc" });
    expect(list).not.toHaveProperty("agentServices");
  });

  test("has directories that were made, not those that were there", () => {
    const made = judged({ kind: "directory", path: "/made", mode: 0o755, why: "" });
    const there = judged({ kind: "directory", path: "/there", mode: 0o755, why: "" }, "same");
    expect(next([made, there], [made], { ...EMPTY, directories: ["/old"] }).directories).toEqual([
      "/made",
      "/old",
    ]);
  });

  test("does not have the settings, nor files of the system that got a line", () => {
    const first = judged({ ...FILE, path: "/first", isFirst: true });
    const group = judged({ ...FILE, path: "/etc/group", appended: "negotiator:x:9:" });
    expect(next([first, group], [first, group]).files).toEqual({});
  });

  test("keeps what earlier installations made, and has each group once", () => {
    const list = nextManifest({
      before: FULL,
      judged: [],
      written: new Set(),
      manager: "systemd",
      groups: ["negotiator", "more"],
      agentServices: ["qemu-ga"],
    });
    expect(list).toEqual({
      ...FULL,
      version: VERSION,
      groups: ["negotiator", "more"],
      agentServices: ["qemu-ga"],
    });
  });
});
