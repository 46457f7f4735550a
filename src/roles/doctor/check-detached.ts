/** Looks whether the output of detached calls can be kept. */
import { printable } from "../../printable.ts";
import { ourUid } from "../../trust/ownership.ts";
import { findPathFault } from "../../trust/path-trust.ts";
import { defineCheck } from "./check.ts";
import { findExisting } from "./existing-directory.ts";
import { ok, warning } from "./finding.ts";

/** `fault`: why others could change what is kept there. */
type DetachedPlace = { directory: string; fault: { problem: string; remedy: string } | undefined };

/** The directory of detached calls. The daemon keeps little of them without it, and forgets them. */
export const CHECK_DETACHED = defineCheck<DetachedPlace>({
  name: "detached",
  look({ invocation }) {
    const { directory } = invocation.config.settings.detached;
    const existing = findExisting(directory);
    const trust = { uid: ourUid(), groups: "own" } as const;
    return Promise.resolve({
      directory,
      fault: existing === undefined ? undefined : findPathFault(existing, trust),
    });
  },
  judge({ directory, fault }) {
    const shown = printable(directory);
    if (fault === undefined) return [ok(`detached calls can be kept in ${shown}`)];
    return [warning(`detached calls cannot be kept in ${shown}: ${fault.problem}`, fault.remedy)];
  },
});
