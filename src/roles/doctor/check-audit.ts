/** Looks whether calls can be written down: file, directory, and room on the disk. */
import { constants } from "node:fs";
import { access, lstat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { findPathFault } from "../../trust/path-trust.ts";
import { ourUid } from "../../trust/ownership.ts";
import { defineCheck } from "./check.ts";
import type { Examination } from "./check.ts";
import { findExisting } from "./existing-directory.ts";
import { AS_ROOT, ok, problem, unknown, warning } from "./finding.ts";
import type { Found } from "./finding.ts";

/**
 * `existing`: the nearest directory that is there. `fault`: why the place is not safe. `refusal`: the errno
 * of a look whether this user may write.
 */
type AuditPlace = {
  path: string;
  directory: string;
  existing: string;
  isRegular: boolean;
  fault: { problem: string; remedy: string } | undefined;
  refusal: string | undefined;
  freeBytes: number;
  neededBytes: number;
};

/** The audit's file. */
export const CHECK_AUDIT = defineCheck<AuditPlace | { hidden: string }>({
  name: "audit",
  async look({ invocation }) {
    const { file: path, maxBytes, keep } = invocation.config.settings.audit;
    const directory = dirname(path);
    const existing = findExisting(directory);
    if (existing === undefined) return { hidden: path };
    const status = await lstat(path).catch(() => undefined);
    const space = await statfs(existing);
    const target = status === undefined ? existing : path;
    return {
      path,
      directory,
      existing,
      isRegular: status === undefined || status.isFile(),
      fault: findPathFault(existing, { uid: ourUid(), groups: "meant" }),
      refusal: await access(target, constants.W_OK).then(
        () => undefined,
        (thrown: unknown) => errnoOf(thrown) ?? "unknown",
      ),
      freeBytes: space.bavail * space.bsize,
      neededBytes: maxBytes * (keep + 1),
    };
  },
  judge(place, examination) {
    if (!("hidden" in place)) return judgeAuditPlace(place, examination);
    const { hidden } = place;
    const where = "is on a file system of another machine, or where this user may not look";
    return [unknown(`${hidden} ${where}`, `Look at it: findmnt -T ${shellWord(dirname(hidden))}`)];
  },
});

const MIB = 1024 * 1024;
const LEAST_BYTES = MIB;
/** With so much room, even a large audit is not an alarm. */
const ENOUGH_BYTES = 100 * MIB;

function show(bytes: number): string {
  return bytes < 10 * MIB ? `${Math.floor(bytes / 1024)} KiB` : `${Math.floor(bytes / MIB)} MiB`;
}

function freeRemedy(directory: string): string {
  // The large files may be elsewhere on the disk.
  const disk = `"$(findmnt -no TARGET -T ${shellWord(directory)})"`;
  return `Find large files on it: du -xh --max-depth=3 ${disk} | sort -h | tail`;
}

/** Judges the place of the audit. */
export function judgeAuditPlace(
  { path, existing, isRegular, fault, refusal, freeBytes, neededBytes }: AuditPlace,
  { isRoot }: Pick<Examination, "isRoot">,
): readonly Found[] {
  if (!isRegular)
    return [
      problem(`${path} is not a regular file`, `Move it away: mv ${shellWord(path)} ${shellWord(path)}.old`),
    ];
  if (fault !== undefined) return [problem(`${path} cannot be used: ${fault.problem}`, fault.remedy)];
  if (refusal === "EROFS")
    return [
      problem(
        `${path} is on a file system that is mounted read-only`,
        `See why: findmnt -T ${shellWord(existing)}`,
      ),
    ];
  if (refusal !== undefined)
    return [
      isRoot
        ? problem(`${path} cannot be written (${refusal})`, `Look at it: ls -ld ${shellWord(existing)}`)
        : unknown(`this user may not write ${path}, so only root can tell`, AS_ROOT),
    ];
  if (freeBytes < LEAST_BYTES)
    return [problem(`the disk of ${path} is full: ${show(freeBytes)} are free`, freeRemedy(existing))];
  if (freeBytes < Math.min(neededBytes, ENOUGH_BYTES))
    return [
      warning(
        `the disk of ${path} has ${show(freeBytes)} left, and the audit may grow to ${show(neededBytes)}`,
        freeRemedy(existing),
      ),
    ];
  return [ok(`${path} can be written, and its disk has ${show(freeBytes)} left`)];
}
