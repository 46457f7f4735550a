/**
 * Starts a command in the place of this process, as a helper of the daemon; reports why it cannot. Carries
 * bytes where there is no `cat`.
 */
import { mkdirSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../errors.ts";
import type { CgroupPlan } from "./command-cgroup.ts";
import { errnoName } from "./errno-name.ts";
import { becomeUser, replaceProgram } from "./libc-process.ts";
import type { Ids } from "./libc-process.ts";
import { setOpenFileLimit } from "./libc.ts";

/** Everything about a start but the words of the command. */
export type StartOrder = {
  user?: Ids | undefined;
  cwd: string;
  /** Lines such as `NAME=value`. */
  env: readonly string[];
  cgroup?: CgroupPlan | undefined;
  /** The soft limit of open files; the runtime of the helper has raised its own. */
  openFiles?: number | undefined;
};

/** The step that failed, and the name of the system's error. */
export type StartReport = { step: "cgroup" | "user" | "directory" | "program"; errno: string };

/** The helper reports here. The new program does not get it. */
const REPORT_FD = 3;
/** The helper writes it right before the new program; a report after it says that it did not start. */
export const ALL_DONE = "+";
/** A new cgroup has been made then, with all its bounds. */
const PROCESSES = "cgroup.procs";

/** Starts the command in the place of this process. Returns only after a failure, which it has reported. */
export function startInPlace(order: StartOrder, argv: readonly string[]): void {
  const { step, errno } = tryAll(order, argv);
  writeSync(REPORT_FD, JSON.stringify({ step, errno } satisfies StartReport));
}

function tryAll({ user, cwd, env, cgroup, openFiles }: StartOrder, argv: readonly string[]): StartReport {
  const cgroupErrno = cgroup && attempt(() => joinCgroup(cgroup));
  if (cgroupErrno !== undefined) return { step: "cgroup", errno: cgroupErrno };
  if (openFiles !== undefined) setOpenFileLimit(0, openFiles);
  const userErrno = user === undefined ? 0 : becomeUser(user);
  if (userErrno !== 0) return { step: "user", errno: errnoName(userErrno) ?? "EIO" };
  // The user may not be able to go where root can.
  const directoryErrno = attempt(() => process.chdir(cwd));
  if (directoryErrno !== undefined) return { step: "directory", errno: directoryErrno };
  writeSync(REPORT_FD, ALL_DONE);
  return { step: "program", errno: errnoName(replaceProgram(argv[0] ?? "", argv, env)) ?? "EIO" };
}

function joinCgroup({ directory, files }: CgroupPlan): void {
  mkdirSync(directory);
  for (const [name, value] of Object.entries(files)) writeFileSync(join(directory, name), value);
  writeFileSync(join(directory, PROCESSES), String(process.pid));
}

/** Copies standard input to standard output until either ends. Throws the error of a write. */
export function carry(): void {
  const room = Buffer.alloc(CARRIED_BYTES);
  for (let count = 1; count > 0;) {
    count = readSync(0, room);
    for (let from = 0; from < count;) from += writeSync(1, room, from, count - from);
  }
}

const CARRIED_BYTES = 65_536;

function attempt(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (thrown) {
    return errnoOf(thrown) ?? "EIO";
  }
}
