/** Looks whether the program can run that is called before file systems are frozen. */
import { judgePlace } from "../../../trust/judge-place.ts";
import type { PlaceFacts } from "../../../trust/judge-place.ts";
import { ourUid } from "../../../trust/ownership.ts";
import { printable } from "../../../printable.ts";
import { shellWord } from "../../../shell-word.ts";
import { findStartFault } from "../../doctor/broken-commands.ts";
import type { BrokenCommand } from "../../doctor/broken-commands.ts";
import { defineCheck } from "../../doctor/check.ts";
import { ok, problem, warning } from "../../doctor/finding.ts";

/** `place` is undefined if this daemon calls no hook, or there is none. `broken`: why it does not start. */
type HookFacts = { hook: string; place: PlaceFacts | undefined; broken: BrokenCommand | undefined };

const EXECUTABLE = 0o111;

/** The hook of freezes. A bad one makes each freeze fail, so the host makes no snapshot. */
export const CHECK_FREEZE_HOOK = defineCheck<HookFacts>({
  name: "freeze",
  async look({ invocation }) {
    const { qga, qgaPort, freezeHook: hook } = invocation.config.settings.guest;
    const isUsed = hook !== "" && (qga !== "no" || qgaPort !== "");
    const place = isUsed ? await judgePlace(hook, { uid: ourUid(), groups: "own" }) : undefined;
    return { hook, place, broken: place?.mode === undefined ? undefined : findStartFault(hook) };
  },
  judge({ hook, place, broken }) {
    if (place?.mode === undefined) return [];
    const shown = printable(hook);
    const fault = place.fault ?? place.fileFault;
    if (fault !== undefined)
      return [problem(`freezes fail: the hook ${shown} cannot be used: ${fault.problem}`, fault.remedy)];
    if ((place.mode & EXECUTABLE) === 0)
      return [
        warning(
          `freezes do not call the hook ${shown}: it has no executable bit`,
          `Make it executable: chmod 755 ${shellWord(hook)}`,
        ),
      ];
    if (broken !== undefined)
      return [problem(`freezes fail: the hook ${shown} does not start: ${broken.problem}`, broken.remedy)];
    return [ok(`freezes call ${shown}`)];
  },
});
