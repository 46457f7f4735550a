/** Looks whether calls can be written down: file, directory, and room on the disk. */
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { shellWord } from "../../shell-word.ts";
import { defineCheck } from "./check.ts";
import type { Examination } from "./check.ts";
import { AS_ROOT, ok, problem, unknown, warning } from "./finding.ts";
import type { Found } from "./finding.ts";
import { findLackOfInodes, findObstacle, freeRemedy, lookAtPlace, formatRoom } from "./file-place.ts";
import type { FilePlace } from "./file-place.ts";

/** `isThere`: whether there is a file already. `neededBytes`: how much the audit may take. */
type AuditPlace = FilePlace & { path: string; isThere: boolean; isRegular: boolean; neededBytes: number };

/** The audit's file. */
export const CHECK_AUDIT = defineCheck<AuditPlace | { hidden: string }>({
  name: "audit",
  async look({ invocation }) {
    const { file: path, maxBytes, keep } = invocation.config.settings.audit;
    const status = await lstat(path).catch(() => undefined);
    const file = status === undefined ? undefined : path;
    const place = await lookAtPlace(dirname(path), { groups: "meant", file });
    if (place === undefined) return { hidden: path };
    return {
      ...place,
      path,
      isThere: status !== undefined,
      isRegular: status === undefined || status.isFile(),
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

/** With so much room, even a large audit is not an alarm. */
const ENOUGH_BYTES = 100 * 1024 * 1024;

/** Judges the place of the audit. */
export function judgeAuditPlace(
  { path, isThere, isRegular, neededBytes, ...place }: AuditPlace,
  { isRoot }: Pick<Examination, "isRoot">,
): readonly Found[] {
  const { existing, fault, refusal, freeBytes } = place;
  if (!isRegular)
    return [
      problem(`${path} is not a regular file`, `Move it away: mv ${shellWord(path)} ${shellWord(path)}.old`),
    ];
  if (fault !== undefined) return [problem(`${path} cannot be used: ${fault.problem}`, fault.remedy)];
  if (refusal !== undefined && refusal !== "EROFS" && !isRoot)
    return [unknown(`this user may not write ${path}, so only root can tell`, AS_ROOT)];
  const obstacle = findObstacle(path, place);
  if (obstacle !== undefined) return [problem(obstacle.text, obstacle.remedy)];
  const lack = findLackOfInodes(path, place);
  // Until it is full, a file that is there needs no other.
  if (lack !== undefined) return [(isThere ? warning : problem)(lack.text, lack.remedy)];
  if (freeBytes < Math.min(neededBytes, ENOUGH_BYTES))
    return [
      warning(
        `the disk of ${path} has ${formatRoom(freeBytes)} left, and the audit may grow to ` +
          formatRoom(neededBytes),
        freeRemedy(existing),
      ),
    ];
  return [ok(`${path} can be written, and its disk has ${formatRoom(freeBytes)} left`)];
}
