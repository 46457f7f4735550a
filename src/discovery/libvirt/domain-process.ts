/**
 * Knows the QEMU process of each domain. libvirt writes the process id into a file in its own directory,
 * where no domain's user may write, so this file decides who may listen at the domain's sockets: the sockets
 * lie in directories that belong to the domains' user. Source: libvirt's `src/qemu/qemu_conf.c` (`stateDir`)
 * and `src/util/virpidfile.c`.
 */
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { listenerFault } from "../../process/listener-trust.ts";
import type { ExpectedListener, PeerFault } from "../../process/listener-trust.ts";
import { shellWord } from "../../shell-word.ts";
import { virshAt } from "../attach-line.ts";
import { isSameProcess, readProcess } from "../../trust/host-process.ts";
import type { ProcessFacts } from "../../trust/host-process.ts";
import { findOwnershipFault, ourUid } from "../../trust/ownership.ts";
import { findPlaceFault } from "../../trust/socket-place.ts";
import type { PidFile } from "../endpoint.ts";

/** The directory in which libvirt keeps the process ids, and the user who may write there besides root. */
export type PidDirectory = { directory: string; uid: number };

/**
 * Resolves with the directory of the libvirt at `connect`, or undefined for our own session: there QEMU runs
 * as our own user. Without a URI libvirt asks the system for root, and the session for other users. A named
 * socket tells where the directory is, and whose libvirt it is.
 *
 * Rejects with `DENIED` if other users than the owner of a named socket could replace it.
 */
export async function findPidDirectory(connect?: string): Promise<PidDirectory | undefined> {
  const [, level = ourUid() === 0 ? "system" : "session", query = ""] = URI.exec(connect ?? "") ?? [];
  const socket = new URLSearchParams(query).get("socket");
  // Measured: for root, libvirt opens the system's libvirt at `qemu:///session` too.
  if (socket === null) return level === "system" || ourUid() === 0 ? SYSTEM : undefined;
  const owner = await stat(socket).catch(() => undefined);
  if (owner === undefined) return SYSTEM;
  const fault = await findPlaceFault(socket, owner.uid);
  if (fault !== undefined) {
    const message = `Cannot ask libvirt at "${printable(connect ?? "")}": ${fault.problem}`;
    throw new NegotiatorError("DENIED", message, { remedy: fault.remedy });
  }
  return { directory: join(dirname(socket), "qemu", level === "system" ? "" : "run"), uid: owner.uid };
}

/** Returns the pid file of the domain `name`, or undefined without a directory. */
export function pidFileOf(name: string, place: PidDirectory | undefined): PidFile | undefined {
  // libvirt refuses such a name, which would lead to another directory.
  if (place === undefined || basename(name) !== name) return undefined;
  // libvirt writes the name into the path as it would into XML.
  return { path: join(place.directory, `${escapeName(name)}.pid`), uid: place.uid };
}

function escapeName(name: string): string {
  return name.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** virBufferEscapeString of libvirt's `src/util/virbuffer.c`. */
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/**
 * Resolves with the listener that a domain has to have: the process of its pid file, as any user. That user
 * may own the directories of the socket. Resolves with a fault if the file does not say. `connect` is the URI
 * of libvirt for the remedies, if one was set.
 */
export async function expectDomain(
  name: string,
  file: PidFile,
  connect?: string,
): Promise<ExpectedListener | PeerFault> {
  const [virsh, guest] = [virshAt(connect), shellWord(name)];
  const named = await readPidFile(file).catch((thrown: unknown) => unreadable(file, thrown));
  if ("problem" in named) return named;
  const { pid } = named;
  const qemu = readNamed(named);
  const [, uid] = qemu?.uids ?? [];
  if (qemu === undefined || uid === undefined)
    return unusable(file, `process ${pid} has ended`, `Look at the guest: ${virsh} domstate ${guest}`);
  return {
    placeUid: uid,
    findFault(listener) {
      const isQemu =
        listener.pid === pid && listener.uid === uid && listener.isRunning() && isSameProcess(qemu);
      const objection = `is not the guest's QEMU, which libvirt started as process ${pid}`;
      const renew = `To get its socket back: ${virsh} destroy ${guest}; ${virsh} start ${guest}`;
      return Promise.resolve(isQemu ? undefined : listenerFault(listener, objection, renew));
    },
  };
}

/** Resolves with the ids of all QEMU processes of the system's libvirt. Empty if there are none. */
export async function listDomainProcesses(place: PidDirectory = SYSTEM): Promise<ReadonlySet<number>> {
  const names = await readdir(place.directory).catch(() => []);
  const files = names.filter((name) => name.endsWith(".pid"));
  const named = files.map((name) =>
    readPidFile({ path: join(place.directory, name), uid: place.uid }).catch(() => undefined),
  );
  const all = (await Promise.all(named)).filter((each) => each !== undefined && "pid" in each);
  return new Set(all.flatMap((each) => readNamed(each)?.pid ?? []));
}

const URI = /^qemu(?:\+unix)?:\/\/\/(system|session)(?:\?(.*))?$/;
const SYSTEM: PidDirectory = { directory: "/run/libvirt/qemu", uid: 0 };

/** The content of a pid file. `file` is another text when the file was written again. */
type NamedProcess = { path: string; file: string; pid: number };

/** The process of each file as it was when the file was first read. */
const firstSeen = new Map<string, { file: string; qemu: ProcessFacts | undefined }>();
const MOST_SEEN = 4096;

/**
 * Returns the process of a pid file, or undefined if it has ended. A file can outlive its process while
 * libvirt does not run. Another process may get the number then, and it is not the one of that file.
 */
function readNamed({ path, file, pid }: NamedProcess): ProcessFacts | undefined {
  const before = firstSeen.get(path);
  if (before?.file === file)
    return before.qemu !== undefined && isSameProcess(before.qemu) ? readProcess(pid) : undefined;
  const qemu = readProcess(pid);
  if (firstSeen.size >= MOST_SEEN) firstSeen.clear();
  firstSeen.set(path, { file, qemu });
  return qemu;
}

async function readPidFile({ path, uid }: PidFile): Promise<NamedProcess | PeerFault> {
  const fault = await findPlaceFault(path, uid);
  if (fault !== undefined) return unusable({ path, uid }, fault.problem, fault.remedy);
  const status = await lstat(path);
  if (!status.isFile()) return unusable({ path, uid }, "it is not a file", LOOK);
  const own = findOwnershipFault(status, uid, path);
  if (own !== undefined) return unusable({ path, uid }, own.problem, own.remedy);
  const [, digits] = /^\s*(\d{1,10})\s*$/.exec(await readFile(path, "latin1")) ?? [];
  if (digits === undefined) return unusable({ path, uid }, "it has no process id", LOOK);
  const { dev, ino, mtimeMs, ctimeMs } = status;
  return { path, file: [dev, ino, mtimeMs, ctimeMs, digits].join(" "), pid: Number(digits) };
}

const LOOK = 'Name the libvirt that runs the guest, such as host.connect = "qemu:///system"';

function unreadable(file: PidFile, thrown: unknown): PeerFault {
  const problem = errnoOf(thrown) === "ENOENT" ? "it is not there" : NegotiatorError.from(thrown).message;
  return unusable(file, problem, LOOK);
}

function unusable({ path }: PidFile, condition: string, remedy: string): PeerFault {
  const problem = `"${printable(path)}" does not say which process is the guest's QEMU: ${condition}`;
  return { problem, remedy };
}
