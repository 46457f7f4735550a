/**
 * Decides whether a process is a hypervisor of this host, so that its command line may name a guest. Any
 * local user can start a process with the name of a guest, and would then get that guest's calls and their
 * input. The ids of a process alone prove nothing: a container can have a root, and root can start a user's
 * program.
 *
 * All of this has to hold:
 * - All of its user ids are trusted: root and our own, unless the caller passes others.
 * - It is in our user and process namespaces, and has our root directory.
 * - It is in our mount namespace or that of process 1, or libvirt started it, which makes a mount namespace
 *   for each QEMU.
 * - Its program has the name of a QEMU, and root's or our own file is there at the same path for us too. Only
 *   root and our user can change that file, and each directory on the way. A file that an upgrade has
 *   replaced counts, if nothing else has a name for it.
 *
 * Only then its command line may be read: the kernel reads it from the memory of the process, which can be a
 * file that never answers.
 */
import { readlink, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import { errnoOf } from "../../errors.ts";
import { printable } from "../../printable.ts";
import {
  findForeignNamespace,
  findForeignRoot,
  hasOurMounts,
  readProcess,
} from "../../trust/host-process.ts";
import type { ProcessFacts } from "../../trust/host-process.ts";
import { judgePlace } from "../../trust/judge-place.ts";
import { findOwnershipFault, ourUid } from "../../trust/ownership.ts";

/** The conditions that a process has to fulfil. */
export type HypervisorRules = {
  /** File names of QEMU programs. */
  program: RegExp;
  trustedUids: readonly number[];
  procDirectory: string;
  /** Resolves with the processes that libvirt has started. */
  domains: () => Promise<ReadonlySet<number>>;
};

/** The rules of this host. */
export const HOST_RULES = {
  program: /^(qemu-system-[\w.-]+|qemu-kvm|kvm)$/,
  procDirectory: "/proc",
} as const;

/** `objection`: why a process with the program of a QEMU does not count, as after "it". */
export type Hypervisor = { facts: ProcessFacts; uid: number } | { objection: string };

/**
 * Resolves with the judgement, or undefined for a process that has ended, is not a QEMU, or is one of
 * libvirt's that runs as another user.
 */
export async function judgeHypervisor(pid: number, rules: HypervisorRules): Promise<Hypervisor | undefined> {
  const { program, trustedUids, procDirectory, domains } = rules;
  const link = join(procDirectory, String(pid), "exe");
  const executable = await readlink(link).catch(nothingIfHidden);
  // The kernel adds the suffix when an upgrade replaced the file of a running QEMU.
  const path = executable?.replace(DELETED, "") ?? "";
  if (!program.test(basename(path))) return undefined;
  const facts = readProcess(pid, procDirectory);
  if (facts === undefined) return undefined;
  const untrustedUid = facts.uids.find((uid) => !trustedUids.includes(uid));
  // QEMU made its sockets as its effective user, which is the second id.
  const [, uid] = facts.uids;
  if (untrustedUid !== undefined || uid === undefined) {
    if ((await domains()).has(pid)) return undefined;
    return { objection: `runs as user ${untrustedUid ?? "unknown"}, who is not trusted to name guests` };
  }
  const objection =
    findForeignNamespace(pid, procDirectory) ??
    (await findForeignMounts(pid, rules)) ??
    findForeignRoot(pid, procDirectory) ??
    (await findProgramFault(path, link));
  return objection === undefined ? { facts, uid } : { objection };
}

const DELETED = / \(deleted\)$/;

async function findForeignMounts(
  pid: number,
  { procDirectory, domains }: HypervisorRules,
): Promise<string | undefined> {
  try {
    if (hasOurMounts(pid, procDirectory) === true || (await domains()).has(pid)) return undefined;
    return "runs in another mount namespace, as in a container";
  } catch (thrown) {
    nothingIfHidden(thrown);
    return "has ended";
  }
}

/** `link` leads to the very file that runs, `path` is the name that it had at its start. */
async function findProgramFault(path: string, link: string): Promise<string | undefined> {
  const shown = printable(path);
  try {
    const trust = { uid: ourUid(), groups: "own" } as const;
    if (!isAbsolute(path)) return `has a program that is not there: "${shown}"`;
    const { fault: wayFault, mode } = await judgePlace(dirname(path), trust);
    if (wayFault !== undefined) return `has a program that others can replace: ${wayFault.problem}`;
    if (mode === undefined) return `has a program that is not there: "${shown}"`;
    const [running, present] = await Promise.all([stat(link), stat(path).catch(nothingIfHidden)]);
    const fault = findOwnershipFault(running, trust.uid, path);
    if (fault !== undefined) return `has a program that others can change: ${fault.problem}`;
    const isPresent = running.ino === present?.ino && running.dev === present.dev;
    return isPresent || running.nlink === 0 ? undefined : `has a program that is not our "${shown}"`;
  } catch (thrown) {
    return `has a program that cannot be checked (${errnoOf(thrown) ?? String(thrown)})`;
  }
}

function nothingIfHidden(thrown: unknown): undefined {
  if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(thrown) ?? "")) throw thrown;
  return undefined;
}
