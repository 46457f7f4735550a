/** Access lists: who may write besides those that owner and mode name. */

/** Those who may write by a list: users and groups by id, and others in words, such as `"eve@example"`. */
export type Writers = { uids: readonly number[]; gids: readonly number[]; others: readonly string[] };

/** The attribute of POSIX lists. */
export const POSIX_LIST = "system.posix_acl_access";
/** The attributes of NFS version 4 lists, as clients and as ZFS show them. */
export const NFS4_LISTS: readonly string[] = ["system.nfs4_acl"];
/** Attributes of lists whose form this program does not know. */
export const UNKNOWN_LISTS: readonly string[] = [
  "system.nfs4_acl_xdr",
  "system.richacl",
  "system.cifs_acl",
  "system.smb3_acl",
  "system.ntfs_security",
];

/**
 * Returns who may write by a POSIX list of a file of group `gid`. Source: include/uapi/linux/
 * posix_acl_xattr.h. Undefined for bytes of another form.
 */
export function parsePosixList(bytes: Uint8Array, gid: number): Writers | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4 || (bytes.length - 4) % 8 !== 0 || view.getUint32(0, true) !== 2) return undefined;
  const entries: { tag: number; mayWrite: boolean; id: number }[] = [];
  for (let at = 4; at < bytes.length; at += 8) {
    const mayWrite = (view.getUint16(at + 2, true) & MAY_WRITE) !== 0;
    entries.push({ tag: view.getUint16(at, true), mayWrite, id: view.getUint32(at + 4, true) });
  }
  const isMasked = entries.some(({ tag, mayWrite }) => tag === TAGS.mask && !mayWrite);
  const writers = entries.filter(({ mayWrite }) => mayWrite && !isMasked);
  const idsOf = (wanted: number): number[] => writers.filter(({ tag }) => tag === wanted).map(({ id }) => id);
  const owners = writers.some(({ tag }) => tag === TAGS.owningGroup) ? [gid] : [];
  return { uids: idsOf(TAGS.user), gids: [...owners, ...idsOf(TAGS.group)], others: [] };
}

/**
 * Returns who may write by an NFS version 4 list of a file of group `gid`: RFC 7530, section 6.2.1, in XDR.
 * Undefined for bytes of another form.
 */
export function parseNfs4List(bytes: Uint8Array, gid: number): Writers | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4) return undefined;
  const gids: number[] = [];
  const others: string[] = [];
  let at = 4;
  for (let left = view.getUint32(0); left > 0; left--) {
    if (at + 16 > bytes.length) return undefined;
    const [type, mask, length] = [view.getUint32(at), view.getUint32(at + 8), view.getUint32(at + 12)];
    if (at + 16 + length > bytes.length) return undefined;
    const who = Buffer.from(bytes.subarray(at + 16, at + 16 + length)).toString();
    at += 16 + Math.ceil(length / 4) * 4;
    // Denying entries could only take rights away.
    if (type !== ALLOW || (mask & NFS4_WRITES) === 0 || who === "OWNER@") continue;
    if (who === "GROUP@") gids.push(gid);
    else others.push(`"${who}"`);
  }
  return { uids: [], gids, others };
}

const TAGS = { user: 0x02, owningGroup: 0x04, group: 0x08, mask: 0x10 } as const;
const MAY_WRITE = 2;
const ALLOW = 0;
/** WRITE_DATA, APPEND_DATA, DELETE_CHILD, DELETE, WRITE_ACL and WRITE_OWNER. */
const NFS4_WRITES = 0x2 | 0x4 | 0x40 | 0x1_0000 | 0x4_0000 | 0x8_0000;
