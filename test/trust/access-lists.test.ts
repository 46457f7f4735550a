/** Access lists: who may write by them, on real files where the file system has them. */
import { expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { parseNfs4List, parsePosixList } from "../../src/trust/access-lists.ts";
import { findListFault } from "../../src/trust/list-fault.ts";
import type { Eyes } from "../../src/trust/look.ts";
import { lookAt } from "../../src/trust/look.ts";
import { readMounts } from "../../src/trust/mounts.ts";
import type { Mount } from "../../src/trust/mounts.ts";
import { findPathFault, judgeNow } from "../../src/trust/path-trust.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const NO_ID = 0xffff_ffff;
const TAGS = { owner: 1, user: 2, ownGroup: 4, group: 8, mask: 16, all: 32 } as const;
type Entry = [tag: keyof typeof TAGS, permissions: number, id?: number];

function posixList(entries: Entry[]): Uint8Array {
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id = NO_ID]] of entries.entries()) {
    bytes.writeUInt16LE(TAGS[tag], 4 + 8 * index);
    bytes.writeUInt16LE(permissions, 6 + 8 * index);
    bytes.writeUInt32LE(id, 8 + 8 * index);
  }
  return bytes;
}

const BASE: Entry[] = [
  ["owner", 7],
  ["ownGroup", 5],
  ["all", 5],
];

const POSIX: [string, Entry[], { uids: number[]; gids: number[] }][] = [
  ["a user with write", [...BASE, ["user", 7, 1000], ["mask", 7]], { uids: [1000], gids: [] }],
  ["a user whose write the mask takes", [...BASE, ["user", 7, 1000], ["mask", 5]], { uids: [], gids: [] }],
  ["a user without write", [...BASE, ["user", 5, 1000], ["mask", 7]], { uids: [], gids: [] }],
  ["a group with write", [...BASE, ["group", 2, 60], ["mask", 7]], { uids: [], gids: [60] }],
  [
    "the owning group with write",
    [
      ["owner", 7],
      ["ownGroup", 7],
      ["mask", 7],
      ["all", 5],
    ],
    { uids: [], gids: [50] },
  ],
];

test.each(POSIX)("a POSIX list with %s says so", (_, entries, writers) => {
  expect(parsePosixList(posixList(entries), 50)).toEqual({ ...writers, others: [] });
});

test.each([[Buffer.alloc(0)], [Buffer.alloc(3)], [Buffer.from([1, 0, 0, 0])], [Buffer.alloc(9, 2)]])(
  "bytes of another form are not a list: %p",
  (bytes) => {
    expect(parsePosixList(bytes, 50)).toBeUndefined();
  },
);

type Ace = [type: number, mask: number, who: string];

function nfs4List(entries: Ace[]): Uint8Array {
  const parts = entries.map(([type, mask, who]) => {
    const padded = Buffer.alloc(16 + Math.ceil(who.length / 4) * 4);
    padded.writeUInt32BE(type, 0);
    padded.writeUInt32BE(mask, 8);
    padded.writeUInt32BE(who.length, 12);
    padded.write(who, 16);
    return padded;
  });
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  return Buffer.concat([count, ...parts]);
}

test("an NFS list names all who may write, and the owner is not one of them", () => {
  const list = nfs4List([
    [0, 0x1f01ff, "OWNER@"],
    [0, 0x1601bf, "GROUP@"],
    [0, 0x1200a9, "EVERYONE@"],
    [0, 0x40000, "eve@example.org"],
    [1, 0x2, "denied@example.org"],
  ]);
  expect(parseNfs4List(list, 50)).toEqual({ uids: [], gids: [50], others: ['"eve@example.org"'] });
  for (const end of [3, 10, list.length - 5])
    expect(parseNfs4List(list.subarray(0, end), 50)).toBeUndefined();
});

/** Judges a directory on a mount of that type, with these attributes. */
async function judgeWith(mode: number, type: string, attributes: Record<string, Uint8Array | "unknown">) {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, mode);
  const status = lookAt(directory.path);
  if (status === undefined) throw new Error("it is gone");
  const mount: Mount = { id: "1", parent: "0", place: "/", options: [], type, superOptions: [] };
  return judgeNow((eyes) => {
    const planted: Eyes = { ...eyes, attributeOf: (_, name) => attributes[name] ?? "none" };
    const judged = { place: directory.path, status, mount, trust: { uid: 0, groups: "own" } as const };
    return findListFault(judged, planted)?.problem;
  });
}

const ACL = "system.posix_acl_access";

test("lists that cannot be read, or whose form is unknown, are refused with the reason", async () => {
  const unreadable = expect.stringMatching(
    /the access list ".*" of ".*" cannot be read, so others may write/,
  );
  expect(await judgeWith(0o775, "ext4", { [ACL]: "unknown" })).toEqual(unreadable);
  expect(await judgeWith(0o775, "ext4", { [ACL]: Buffer.from("?") })).toEqual(unreadable);
  for (const name of ["system.richacl", "system.cifs_acl", "system.nfs4_acl_xdr", "system.ntfs_security"])
    expect(await judgeWith(0o755, "cifs", { [name]: Buffer.from("x") })).toEqual(unreadable);
  expect(await judgeWith(0o755, "nfs4", { "system.nfs4_acl": "unknown" })).toEqual(unreadable);
  expect(await judgeWith(0o755, "nfs4", {})).toBeUndefined();
  expect(await judgeWith(0o755, "ext4", { [ACL]: "unknown" })).toBeUndefined();
});

test("a directory to which a list lets another user write is unsafe", async () => {
  const forEve = posixList([...BASE, ["user", 7, 1000], ["mask", 7]]);
  expect(await judgeWith(0o775, "ext4", { [ACL]: forEve })).toContain("its access list lets user 1000 write");
  const forRoot = posixList([...BASE, ["user", 7, 0], ["mask", 7]]);
  expect(await judgeWith(0o775, "ext4", { [ACL]: forRoot })).toBeUndefined();
  const nfs = nfs4List([[0, 2, "EVERYONE@"]]);
  expect(await judgeWith(0o755, "nfs4", { "system.nfs4_acl": nfs })).toContain('lets "EVERYONE@" write');
});

test.if(process.getuid?.() === 0)(
  "a real list of a directory is found by its path (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("way"), { mode: 0o755 });
    const list = Buffer.from(
      posixList([
        ["owner", 7],
        ["user", 7, 1000],
        ["ownGroup", 5],
        ["mask", 7],
        ["all", 5],
      ]),
    );
    const script = "import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))";
    const set = Bun.spawnSync(["python3", "-c", script, directory.at("way"), ACL, list.toString("hex")]);
    expect(set.exitCode).toBe(0);
    await directory.write("way/file", "");
    expect(readMounts().find(directory.path)).toBeDefined();
    for (const groups of ["own", "meant"] as const)
      expect(findPathFault(directory.at("way/file"), { uid: 0, groups })?.problem).toBe(
        `its access list lets user 1000 write to "${directory.at("way")}"`,
      );
  },
);
