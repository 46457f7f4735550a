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
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { ourUid } from "../../trust/ownership.ts";
import { printable } from "../../printable.ts";
import type { Endpoint, Finder, Scan } from "../endpoint.ts";
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
  const trustedUids = options.trustedUids ?? [0, ourUid()];
  return async (signal) => {
    const sights: Sight[] = [];
    for (const pid of await listProcesses(procDirectory)) {
      signal.throwIfAborted();
      sights.push(await readProcess({ pid, directory: join(procDirectory, pid), program, trustedUids }));
    }
    const strangers = sights.flatMap(({ stranger = [] }) => stranger);
    return {
      endpoints: sights.flatMap(({ endpoints = [] }) => endpoints),
      problems: [...sights.flatMap(({ problems = [] }) => problems), ...clipStrangers(strangers)],
      unread: [],
    };
  };
}

/** What one process has to tell; `stranger`, when its user is not trusted. */
type Sight = Partial<Pick<Scan, "endpoints" | "problems">> & { stranger?: NegotiatorError };

/** Any local user can be as many strangers as he likes, under names of any length: they must not fill the log. */
const TOLD_STRANGERS = 8;
const SHOWN_NAME = 64;

/** What is said about more of them is the same for any number, so that it is news once. */
function clipStrangers(problems: readonly NegotiatorError[]): readonly NegotiatorError[] {
  if (problems.length <= TOLD_STRANGERS) return problems;
  const remedy = "List them with: ps -eo pid,user,args | grep qemu";
  const message = `Cannot use further QEMU processes: more than ${TOLD_STRANGERS} run as users who are not trusted to name guests`;
  return [...problems.slice(0, TOLD_STRANGERS), new NegotiatorError("DENIED", message, { remedy })];
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

/** A process that ends meanwhile, or that another user owns and we may not look into, has nothing to tell. */
async function readProcess(place: Place): Promise<Sight> {
  try {
    const executable = await readlink(join(place.directory, "exe"));
    // A QEMU that was upgraded while it runs has a program file that is gone.
    if (!place.program.test(basename(executable.replace(/ \(deleted\)$/, "")))) return {};
    const commandLine = await readFile(join(place.directory, "cmdline"), "utf8");
    const guest = parseQemuCommandLine(commandLine.split("\0").slice(1, -1));
    return guest.sockets.length === 0 ? {} : await checkGuest(guest, place);
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "")) return {};
    throw error;
  }
}

async function checkGuest(guest: QemuGuest, place: Place): Promise<Sight> {
  const { uuid, name = uuid ?? `qemu-${place.pid}` } = guest;
  const shown = printable(name.length > SHOWN_NAME ? `${name.slice(0, SHOWN_NAME)}…` : name);
  const who = `guest "${shown}" of QEMU process ${place.pid}`;
  const uids = await readUids(place.directory);
  const stranger = uids.find((uid) => !place.trustedUids.includes(uid));
  // The effective one, as which it made its sockets.
  const [, uid] = uids;
  if (stranger !== undefined || uid === undefined) {
    const objection = `it runs as user ${stranger ?? "unknown"}, who is not trusted to name guests`;
    return { stranger: refusal(who, objection) };
  }
  const directory = await readlink(join(place.directory, "cwd"));
  const endpoints: Endpoint[] = [];
  const problems: NegotiatorError[] = [];
  for (const socket of guest.sockets) {
    const path = resolve(directory, socket.path);
    const objection = await checkSocket(path, { uid, root: join(place.directory, "root") });
    if (objection !== undefined) problems.push(refusal(who, objection));
    else {
      const shared = { guest: name, port: socket.port, path, source: "qemu", uid } as const;
      endpoints.push(uuid === undefined ? shared : { ...shared, uuid });
    }
  }
  return { endpoints, problems };
}

/** Real, effective, saved and file system user id. Source: proc(5), `/proc/PID/status`. */
async function readUids(processDirectory: string): Promise<number[]> {
  const status = await readFile(join(processDirectory, "status"), "utf8");
  const [, uids = ""] = /^Uid:\s+([\d\s]+)$/m.exec(status) ?? [];
  return uids.trim().split(/\s+/).filter(Boolean).map(Number);
}

function refusal(who: string, objection: string): NegotiatorError {
  const remedy = "If it is wanted, name it: --socket GUEST=PATH, or a [[guests]] table in the config";
  return new NegotiatorError("DENIED", `Cannot use the ${who}: ${objection}`, { remedy });
}
