/** The mounts of a process, and those whose owners prove nothing. */
import { expect, test } from "bun:test";
import { findMountFault, isLocal, readMounts, showsAllInMode } from "../../src/trust/mounts.ts";

const LINES = `22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:30 / /mnt/with\\040blank rw - nfs4 server:/x rw,vers=4.2
31 27 0:31 / /srv rw - xfs /dev/vdb rw
32 31 0:32 / /srv/inner rw - cifs //server/x rw
33 27 0:33 / /srv rw - tmpfs tmpfs rw
34 27 0:34 / /stacked rw - nfs server:/y rw
35 34 0:35 / /stacked rw - ext4 /dev/vdc rw
36 27 0:36 / /home/eve/mnt rw,nosuid - fuse.sshfs eve@there:/ rw,user_id=1000,group_id=1000,allow_other
37 27 0:37 / /mnt/root rw - fuse.glusterfs g rw,user_id=0,group_id=0
38 27 0:38 / /mnt/mapped rw,idmapped - ext4 /dev/vdd rw
39 27 0:39 / /mnt/zfs rw - zfs tank rw
`;

test.each([
  ["/", "ext4", true],
  ["/etc/negotiator", "ext4", true],
  ["/proc", "proc", false],
  ["/proc/self/fd", "proc", false],
  ["/processes", "ext4", true],
  ["/mnt/with blank/x", "nfs4", false],
  ["/stacked/x", "ext4", true],
  ["/home/eve/mnt/x", "fuse.sshfs", false],
])("%s is on %s; a look at it answers at once: %p", (path, type, local) => {
  const mount = readMounts(LINES).find(path);
  expect(mount?.type).toBe(type);
  expect(isLocal(mount)).toBe(local);
});

test("a mount that another one covers is not seen, and neither is what is mounted below it", () => {
  const lines = LINES.replace("33 27", "33 31");
  expect(readMounts(lines).find("/srv/inner")?.type).toBe("tmpfs");
  expect(readMounts(lines).find("/srv/x")?.type).toBe("tmpfs");
});

test("without a root in the table no path is local", () => {
  const mount = readMounts("22 27 0:21 / /proc rw - proc proc rw\n").find("/etc");
  expect(mount).toBeUndefined();
  expect(isLocal(mount)).toBe(false);
  expect(showsAllInMode(mount)).toBe(false);
});

test("a mount of a user proves nothing to others; one of root does", () => {
  const mounts = readMounts(LINES);
  expect(findMountFault(mounts.find("/home/eve/mnt/x"), 0)?.problem).toBe(
    'user 1000 mounted "/home/eve/mnt", and decides what is in it',
  );
  expect(findMountFault(mounts.find("/home/eve/mnt/x"), 1000)).toBeUndefined();
  expect(findMountFault(mounts.find("/mnt/root/x"), 0)).toBeUndefined();
  expect(findMountFault(mounts.find("/etc"), 0)).toBeUndefined();
});

test("a mount that maps ids proves nothing, unless it is the root of a container", () => {
  const mounts = readMounts(LINES);
  expect(findMountFault(mounts.find("/mnt/mapped/x"), 0)?.problem).toContain("shows other owners");
  const container = readMounts("27 1 254:0 / / rw,idmapped - ext4 /dev/vda rw\n");
  expect(findMountFault(container.find("/etc"), 0)).toBeUndefined();
});

test("the mode says all on ext4, and not on ZFS and NFS, which have other lists", () => {
  const mounts = readMounts(LINES);
  expect(["/etc", "/mnt/zfs", "/mnt/with blank"].map((path) => showsAllInMode(mounts.find(path)))).toEqual([
    true,
    false,
    false,
  ]);
});

test("the mounts of this machine have a root, and /proc", () => {
  expect(readMounts().find("/proc/self")?.type).toBe("proc");
  expect(readMounts().find("/etc")).toBeDefined();
});
