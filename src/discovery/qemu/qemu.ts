/**
 * Finds guests on a host without libvirt: reads the command lines of the QEMU processes that run here.
 *
 * A local user can start a process with another guest's name and would then get that guest's calls and their
 * input. So a process counts only if all of this holds:
 * - All of its user ids are trusted: root and our own, unless the caller passes others. The ids come from
 *   `/proc/PID/status`, because root owns `/proc/PID` of every process that made itself undumpable.
 * - `/proc/PID/exe` is QEMU. The program's name in argv does not count, so `sudo qemu…` is not a guest.
 * - The socket passes `checkSocket`.
 *
 * A guest that fails these checks becomes a problem. The administrator can still name its socket in the
 * config.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { shorten } from "../../shorten.ts";
import { decodeUtf8 } from "../../strict/utf8.ts";
import { ourUid } from "../../trust/ownership.ts";
import type { Endpoint, Finder, Scan } from "../endpoint.ts";
import { parseQemuCommandLine } from "./qemu-options.ts";
import type { QemuGuest } from "./qemu-options.ts";
import { checkSocket } from "./socket-trust.ts";

/** Options of the QEMU finder. */
export type QemuOptions = {
  /** Names of the ports to report; the finder skips all others. */
  ports: ReadonlySet<string>;
  /** Users whose QEMU processes may name guests. */
  trustedUids?: readonly number[];
  procDirectory?: string;
  /** File names of QEMU programs; tests pass another pattern. */
  program?: RegExp;
};

/** Returns a finder for the ports of QEMU processes. It throws `NO_CHANNEL` when it cannot read /proc. */
export function createQemuFinder(options: QemuOptions): Finder {
  const { ports, procDirectory = "/proc", program = /^(qemu-system-[\w.-]+|qemu-kvm|kvm)$/ } = options;
  const trustedUids = options.trustedUids ?? [0, ourUid()];
  return async (signal) => {
    const found: FoundProcess[] = [];
    for (const pid of await listProcesses(procDirectory)) {
      signal.throwIfAborted();
      const directory = join(procDirectory, pid);
      found.push(await readProcess({ pid, directory, ports, program, trustedUids }));
    }
    return {
      endpoints: found.flatMap(({ endpoints = [] }) => endpoints),
      problems: [
        ...found.flatMap(({ problems = [] }) => problems),
        ...limitUntrusted(found.flatMap(({ untrusted = [] }) => untrusted)),
      ],
      unread: [],
    };
  };
}

/** The scan of one process; `untrusted` is the problem with a process whose user is not trusted. */
type FoundProcess = Partial<Pick<Scan, "endpoints" | "problems">> & { untrusted?: NegotiatorError };

/** Any local user can start many processes with long names. These limits keep them from filling the log. */
const REPORTED_UNTRUSTED = 8;
const SHOWN_NAME_LENGTH = 64;

function limitUntrusted(problems: readonly NegotiatorError[]): readonly NegotiatorError[] {
  if (problems.length <= REPORTED_UNTRUSTED) return problems;
  const remedy = "List them: ps -eo pid,user,args | grep qemu";
  // The watch logs each text once, so the text must not contain their number.
  const message = `Cannot use more QEMU processes: over ${REPORTED_UNTRUSTED} belong to untrusted users`;
  return [...problems.slice(0, REPORTED_UNTRUSTED), new NegotiatorError("DENIED", message, { remedy })];
}

type Place = Required<Pick<QemuOptions, "ports" | "program" | "trustedUids">> & {
  pid: string;
  directory: string;
};

async function listProcesses(procDirectory: string): Promise<string[]> {
  try {
    const entries = await readdir(procDirectory);
    return entries
      .filter((entry) => /^\d+$/.test(entry))
      .toSorted((left, right) => Number(left) - Number(right));
  } catch (error) {
    const reason = NegotiatorError.from(error).message;
    const message = `Cannot look for QEMU processes in "${procDirectory}": ${reason}`;
    throw new NegotiatorError("NO_CHANNEL", message, { cause: error });
  }
}

async function readProcess(place: Place): Promise<FoundProcess> {
  try {
    const executable = await readlink(join(place.directory, "exe"));
    // The kernel adds the suffix when an upgrade replaced the file of a running QEMU.
    if (!place.program.test(basename(executable.replace(/ \(deleted\)$/, "")))) return {};
    const bytes = await readFile(join(place.directory, "cmdline"));
    const isExact = decodeUtf8(bytes) !== undefined;
    const guest = parseQemuCommandLine(bytes.toString().split("\0").slice(1, -1), place.ports);
    return guest.sockets.length === 0 ? {} : await checkGuest(guest, isExact, place);
  } catch (error) {
    // The process has ended, or it belongs to another user.
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "")) return {};
    throw error;
  }
}

/**
 * `isExact`: the command line is UTF-8. In another one, U+FFFD can stand for any bytes, so a name or a path
 * with it is refused.
 */
async function checkGuest(guest: QemuGuest, isExact: boolean, place: Place): Promise<FoundProcess> {
  const { uuid, name = uuid ?? `qemu-${place.pid}` } = guest;
  const who = `guest "${printable(shorten(name, SHOWN_NAME_LENGTH))}" of QEMU process ${place.pid}`;
  const uids = await readUids(place.directory);
  const untrustedUid = uids.find((uid) => !place.trustedUids.includes(uid));
  // QEMU made its sockets as its effective user, which is the second id.
  const [, uid] = uids;
  if (untrustedUid !== undefined || uid === undefined) {
    const objection = `it runs as user ${untrustedUid ?? "unknown"}, who is not trusted to name guests`;
    return { untrusted: denied(who, objection) };
  }
  const isReplaced = (text: string): boolean => !isExact && text.includes("\ufffd");
  if (isReplaced(name)) return { problems: [denied(who, "its name is not UTF-8")] };
  const directory = decodeUtf8(await readlink(join(place.directory, "cwd"), "buffer"));
  const endpoints: Endpoint[] = [];
  const problems: NegotiatorError[] = [];
  for (const socket of guest.sockets) {
    if (isReplaced(socket.path) || (directory === undefined && !isAbsolute(socket.path))) {
      problems.push(denied(who, "the path of its socket is not UTF-8"));
      continue;
    }
    const path = resolve(directory ?? "/", socket.path);
    const objection = await checkSocket(path, { uid, root: join(place.directory, "root") });
    if (objection !== undefined) problems.push(denied(who, objection));
    else {
      const shared = { guest: name, port: socket.port, path, source: "qemu", uid } as const;
      endpoints.push(uuid === undefined ? shared : { ...shared, uuid });
    }
  }
  return { endpoints, problems };
}

/** Returns the real, effective, saved and file system user id. Source: proc(5), `/proc/PID/status`. */
async function readUids(processDirectory: string): Promise<number[]> {
  const status = await readFile(join(processDirectory, "status"), "utf8");
  const [, uids = ""] = /^Uid:\s+([\d\s]+)$/m.exec(status) ?? [];
  return uids.trim().split(/\s+/).filter(Boolean).map(Number);
}

function denied(who: string, objection: string): NegotiatorError {
  const remedy = "To use it, name its socket: --socket GUEST=PATH, or a [[guests]] table in the config";
  return new NegotiatorError("DENIED", `Cannot use the ${who}: ${objection}`, { remedy });
}
