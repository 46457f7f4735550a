/** Looks whether the output of detached calls can be kept. */
import { printable } from "../../printable.ts";
import { defineCheck } from "./check.ts";
import { AS_ROOT, ok, unknown, warning } from "./finding.ts";
import { findLackOfInodes, findObstacle, lookAtPlace } from "./file-place.ts";
import type { FilePlace } from "./file-place.ts";

/** `place` is undefined where a look could hang. */
type DetachedPlace = { directory: string; place: FilePlace | undefined };

/** The directory of detached calls. The daemon keeps little of them without it, and forgets them. */
export const CHECK_DETACHED = defineCheck<DetachedPlace>({
  name: "detached",
  async look({ invocation }) {
    const { directory } = invocation.config.settings.detached;
    return { directory, place: await lookAtPlace(directory, { groups: "own" }) };
  },
  judge({ directory, place }, { isRoot }) {
    const shown = printable(directory);
    if (place === undefined) return [ok(`detached calls can be kept in ${shown}`)];
    const { fault, refusal } = place;
    if (fault !== undefined)
      return [warning(`detached calls cannot be kept in ${shown}: ${fault.problem}`, fault.remedy)];
    if (refusal !== undefined && refusal !== "EROFS" && !isRoot)
      return [unknown(`this user may not write to ${shown}, so only root can tell`, AS_ROOT)];
    const obstacle = findObstacle(shown, place) ?? findLackOfInodes(shown, place);
    if (obstacle === undefined) return [ok(`detached calls can be kept in ${shown}`)];
    return [warning(`detached calls cannot be kept: ${obstacle.text}`, obstacle.remedy)];
  },
});
