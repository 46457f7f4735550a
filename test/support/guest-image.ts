/** Owns the guest's initramfs: busybox, glibc, the binary, and the scripts that boot it. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { type CpioEntry, writeCpio } from "./cpio.ts";
import type { GuestParts } from "./guest-parts.ts";
import { CALL_TIMEOUT_SECONDS } from "./timeouts.ts";

/**
 * A file to add to the guest, by absolute path; its parent folders are created. `source` is a file on this
 * machine. `mode` has permission bits, 0o644 when left out.
 */
export type GuestFile = { readonly mode?: number } & (
  { readonly text: string } | { readonly source: string }
);

/** The contents of a guest besides the system itself. */
export interface GuestImage {
  /** A glibc x86-64 executable on this machine; becomes /usr/bin/negotiator. */
  readonly binary: string;
  readonly files: Readonly<Record<string, GuestFile>>;
  /** Shell lines that run as root once the ports exist. The first line that fails ends the boot. */
  readonly init: readonly string[];
}

/** Writes the initramfs to `path`. */
export async function writeGuestImage(path: string, parts: GuestParts, image: GuestImage): Promise<void> {
  const libraries = await Promise.all(LIBRARIES.map(findLibrary));
  const entries: CpioEntry[] = [
    { file: "/bin/busybox", source: parts.busybox, mode: 0o755 },
    { link: "/bin/sh", to: "busybox" },
    { link: "/init", to: "bin/busybox" },
    { link: "/lib64", to: "lib" },
    ...libraries.map(({ name, source }) => ({ file: `/lib/${name}`, source, mode: 0o755 })),
    ...parts.modules.map(({ name, path: source }) => ({ file: `/modules/${name}.ko`, source, mode: 0o644 })),
    { file: "/usr/bin/negotiator", source: image.binary, mode: 0o755 },
    {
      file: "/etc/passwd",
      text: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
      mode: 0o644,
    },
    { file: "/etc/group", text: "root:x:0:\nnogroup:x:65534:\n", mode: 0o644 },
    { file: "/etc/hostname", text: "guest\n", mode: 0o644 },
    // With busybox init as process 1, orphans are reaped as on a real system.
    {
      file: "/etc/inittab",
      text: "::sysinit:/etc/boot\n::once:/etc/control\n",
      mode: 0o644,
    },
    { file: "/etc/boot", text: bootScript(parts, image.init), mode: 0o755 },
    { file: "/etc/control", text: CONTROL_SCRIPT, mode: 0o755 },
    ...Object.entries(image.files).map(([file, content]) => ({ file, mode: 0o644, ...content })),
  ];
  await writeCpio(path, [
    ...FOLDERS.concat(parentFolders(entries)).map((folder) => ({ folder })),
    ...entries,
  ]);
}

const FOLDERS = [
  "/dev",
  "/proc",
  "/sys",
  "/tmp",
  "/run",
  "/root",
  "/sbin",
  "/usr",
  "/usr/bin",
  "/usr/sbin",
  "/var",
  "/var/log",
];
const LIBRARIES = ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"];
const LIBRARY_FOLDERS = ["/lib/x86_64-linux-gnu", "/lib64", "/usr/lib"];

async function findLibrary(name: string): Promise<{ name: string; source: string }> {
  for (const folder of LIBRARY_FOLDERS) {
    const source = join(folder, name);
    if (
      await access(source).then(
        () => true,
        () => false,
      )
    ) {
      return { name, source };
    }
  }
  throw new Error(
    `Cannot find glibc's "${name}" in ${LIBRARY_FOLDERS.join(", ")}\n` +
      "Run these tests on an x86-64 machine with glibc",
  );
}

function parentFolders(entries: readonly CpioEntry[]): string[] {
  const folders = new Set<string>();
  for (const entry of entries) {
    const names = ("file" in entry ? entry.file : "").split("/").slice(1, -1);
    names.forEach((_, depth) => folders.add(`/${names.slice(0, depth + 1).join("/")}`));
  }
  return [...folders];
}

function bootScript(parts: GuestParts, init: readonly string[]): string {
  return [
    "#!/bin/sh",
    "set -e",
    // In inittab, busybox init would put `exec` before the line, and the part after `||` would never run.
    "trap '[ $? = 0 ] || /bin/busybox poweroff -f' EXIT",
    // The links of the applets do not exist yet.
    "/bin/busybox mount -t proc proc /proc",
    "/bin/busybox --install -s",
    "mount -t devtmpfs devtmpfs /dev",
    "mount -t sysfs sysfs /sys",
    "mount -t tmpfs -o mode=1777 tmpfs /tmp",
    "mount -t tmpfs -o mode=755 tmpfs /run",
    "mkdir /dev/pts /dev/shm",
    // On a real system udev creates these links.
    "ln -s /proc/self/fd /dev/fd",
    "for number in 0:stdin 1:stdout 2:stderr; do ln -s fd/${number%:*} /dev/${number#*:}; done",
    "mount -t devpts devpts /dev/pts",
    "hostname -F /etc/hostname",
    "ip link set lo up",
    ...parts.modules.map(({ name }) => `insmod /modules/${name}.ko`),
    ...init,
    "",
  ].join("\n");
}

/**
 * The guest's end of the control path (guest-shell.ts has the other). A line `ID COMMAND` on the second
 * serial port starts a command in a new session; `ID EXITCODE STDOUT STDERR` answers. The texts are base64.
 * An extra virtio port would show up among the ports under test, so this is a serial port.
 */
const CONTROL_SCRIPT = `#!/bin/sh
exec 3<>/dev/ttyS1
stty raw -echo <&3
mkdir -p /run/control
mkfifo /run/control/ended
perform() {
  here=/run/control/$1
  echo "$2" | base64 -d >"$here/command"
  setsid sh -c 'echo $$ >"$0/pid"; exec sh "$0/command" </dev/null >"$0/stdout" 2>"$0/stderr" 3>&-' "$here"
  echo "$1 $?" >/run/control/ended
}
# Answers of commands that end together would mix, so there is one writer.
while read -r id code; do
  printf '%s %s ' "$id" "$code"
  base64 -w 0 "/run/control/$id/stdout"
  printf ' '
  base64 -w 0 "/run/control/$id/stderr"
  echo
  rm -r "/run/control/$id"
done <>/run/control/ended >&3 &
cd /root
export HOME=/root USER=root PATH=/usr/sbin:/usr/bin:/sbin:/bin
export NEGOTIATOR_CONNECT_TIMEOUT_SECONDS=${CALL_TIMEOUT_SECONDS}
echo ready >&3
while read -r id command <&3; do
  mkdir "/run/control/$id"
  perform "$id" "$command" &
done
`;
