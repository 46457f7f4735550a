/**
 * Decides how a command is started, so that this process never waits for a user or a file system.
 *
 * The only thread of this process stands still from vfork(2) to the moment when the new program runs. A user
 * can stop each process that has its uid, and a file system that another machine serves may not answer. So
 * in both cases a helper starts first, as our own user and from a local file system, and does what is left.
 */
import { findUserTool } from "./user-tool.ts";
import type { UserTool } from "./user-tool.ts";
import type { CgroupPlan } from "./command-cgroup.ts";
import { mayExecute } from "./libc-process.ts";
import type { Ids } from "./libc-process.ts";
import { walkLocally } from "./mount-table.ts";
import { OWN_FILE } from "../trust/own-program.ts";
import { judgeStart } from "./started-files.ts";

/**
 * - `direct`: nothing can hold up the start.
 * - A tool: this program of the system changes the user and starts the command.
 * - `own`: our own program does it, as a helper. It takes a runtime's start longer, and can do more.
 */
export type StartWay = { kind: "direct" } | UserTool | { kind: "own" };

/** Whether a tool starts the command. */
export function isTool(way: StartWay): way is UserTool {
  return way.kind !== "direct" && way.kind !== "own";
}

/** The facts that decide. */
export type StartFacts = {
  /** The absolute path of the executable. */
  path: string;
  cwd: string;
  user: Ids | undefined;
  cgroup: CgroupPlan | undefined;
};

const DIRECT = { kind: "direct" } as const;
const OWN = { kind: "own" } as const;

/** Returns the way, or resolves with it if a tool has to be found first. */
export function chooseStartWay({ path, cwd, user, cgroup }: StartFacts): StartWay | Promise<StartWay> {
  if (path === OWN_FILE) return DIRECT;
  const { kind, files } = judgeStart(path);
  if (cgroup !== undefined || kind !== "local" || (cwd !== "/" && walkLocally(cwd) === undefined)) return OWN;
  return user === undefined || areOurs(user) ? DIRECT : chooseHelper(user, files);
}

/**
 * `setpriv` keeps all capabilities until the new program runs, so it would start a file that its user may not
 * execute. Our own helper is exact.
 */
async function chooseHelper(user: Ids, files: readonly string[]): Promise<StartWay> {
  const tool = await findUserTool();
  if (tool === undefined) return OWN;
  return tool.kind === "setpriv" && mayExecute(user, files) !== true ? OWN : tool;
}

/** Whether this process has exactly these ids, so that a start changes nothing. */
function areOurs({ uid, gid, groups }: Ids): boolean {
  if (uid !== process.geteuid?.() || gid !== process.getegid?.()) return false;
  // Linux may list our own group among them.
  const others = (all: readonly number[]): string =>
    [...new Set(all)]
      .filter((group) => group !== gid)
      .toSorted((a, b) => a - b)
      .join();
  return others(process.getgroups?.() ?? []) === others(groups);
}
