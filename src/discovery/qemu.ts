/**
 * On a host without libvirt: the guests of the QEMU processes that run here, read from their command lines.
 *
 * Whoever may start a process may give it any name, another guest's too, and would then get that guest's calls and their
 * input. Hence:
 * - Only processes of users that are trusted to say who a guest is count: root and our own, unless told otherwise. All
 *   of a process's user ids have to be trusted ones, and they are taken from `/proc/PID/status`, as the owner of
 *   `/proc/PID` is root for every process that made itself undumpable.
 * - The program is told by `/proc/PID/exe`, not by argv, so that `sudo qemu…` or an editor of such a line is no guest.
 * - The socket has to pass `checkSocket`.
 * What fails is reported, not passed over in silence: naming the socket in the config is the administrator's way to
 * trust it all the same.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { Endpoint, Finder, Scan } from "./endpoint.ts";
import { parseQemuCommandLine } from "./qemu-options.ts";
import type { QemuGuest } from "./qemu-options.ts";
import { checkSocket } from "./socket-trust.ts";

export type QemuOptions = {
  /** Users whose QEMU processes may say who a guest is. */
  trustedUids?: readonly number[];
  procDirectory?: string;
  /** Which programs are QEMU, by file name; another pattern is for tests. */
  program?: RegExp;
};

/** Finds the channels of QEMU processes; throws `NO_CHANNEL` when /proc cannot be read. */
export function createQemuFinder(options: QemuOptions = {}): Finder {
  const { procDirectory = "/proc", program = /^(qemu-system-[\w.-]+|qemu-kvm|kvm)$/ } = options;
  const trustedUids = options.trustedUids ?? [0, process.geteuid?.() ?? 0];
  return async (signal) => {
    const scans: Scan[] = [];
    for (const pid of await listProcesses(procDirectory)) {
      signal.throwIfAborted();
      scans.push(await readProcess({ pid, directory: join(procDirectory, pid), program, trustedUids }));
    }
    return {
      endpoints: scans.flatMap((scan) => scan.endpoints),
      problems: scans.flatMap((scan) => scan.problems),
      unread: [],
    };
  };
}

type Place = { pid: string; directory: string; program: RegExp; trustedUids: readonly number[] };

async function listProcesses(procDirectory: string): Promise<string[]> {
  try {
    const entries = await readdir(procDirectory);
    return entries
      .filter((entry) => /^\d+$/.test(entry))
      .toSorted((left, right) => Number(left) - Number(right));
  } catch (error) {
    const message = `Cannot look for QEMU processes in "${procDirectory}": ${NegotiatorError.from(error).message}`;
    throw new NegotiatorError("NO_CHANNEL", message, { cause: error });
  }
}

const NOTHING: Scan = { endpoints: [], problems: [], unread: [] };

/** A process that ends meanwhile, or that another user owns and we may not look into, has nothing to tell. */
async function readProcess(place: Place): Promise<Scan> {
  try {
    const executable = await readlink(join(place.directory, "exe"));
    // A QEMU that was upgraded while it runs has a program file that is gone.
    if (!place.program.test(basename(executable.replace(/ \(deleted\)$/, "")))) return NOTHING;
    const commandLine = await readFile(join(place.directory, "cmdline"), "utf8");
    const guest = parseQemuCommandLine(commandLine.split("\0").slice(1, -1));
    return guest.sockets.length === 0 ? NOTHING : await checkGuest(guest, place);
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "")) return NOTHING;
    throw error;
  }
}

async function checkGuest(guest: QemuGuest, place: Place): Promise<Scan> {
  const { uuid, name = uuid ?? `qemu-${place.pid}` } = guest;
  const who = `guest "${printable(name)}" of QEMU process ${place.pid}`;
  const uids = await readUids(place.directory);
  const stranger = uids.find((uid) => !place.trustedUids.includes(uid));
  // The effective one, as which it made its sockets.
  const [, uid] = uids;
  if (stranger !== undefined || uid === undefined) {
    return refuse(who, `it runs as user ${stranger ?? "unknown"}, who is not trusted to name guests`);
  }
  const directory = await readlink(join(place.directory, "cwd"));
  const endpoints: Endpoint[] = [];
  const problems: NegotiatorError[] = [];
  for (const socket of guest.sockets) {
    const path = resolve(directory, socket.path);
    const objection = await checkSocket(path, { uid, root: join(place.directory, "root") });
    if (objection !== undefined) problems.push(...refuse(who, objection).problems);
    else {
      const shared = { guest: name, port: socket.port, path, source: "qemu", uid } as const;
      endpoints.push(uuid === undefined ? shared : { ...shared, uuid });
    }
  }
  return { endpoints, problems, unread: [] };
}

/** Real, effective, saved and file system user id. Source: proc(5), `/proc/PID/status`. */
async function readUids(processDirectory: string): Promise<number[]> {
  const status = await readFile(join(processDirectory, "status"), "utf8");
  const [, uids = ""] = /^Uid:\s+([\d\s]+)$/m.exec(status) ?? [];
  return uids.trim().split(/\s+/).filter(Boolean).map(Number);
}

function refuse(who: string, objection: string): Scan {
  const remedy = "If it is wanted, name it: --socket GUEST=PATH, or a [[guests]] table in the config";
  const problem = new NegotiatorError("DENIED", `Cannot use the ${who}: ${objection}`, { remedy });
  return { endpoints: [], problems: [problem], unread: [] };
}
