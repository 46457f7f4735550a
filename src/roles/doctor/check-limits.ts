/** Looks whether the running daemon may open enough files, and has room left. */
import { readdir, readFile } from "node:fs/promises";
import { findDaemons } from "../install/running-daemon.ts";
import { defineCheck } from "./check.ts";
import type { Examination } from "./check.ts";
import { AS_ROOT, ok, unknown, warning } from "./finding.ts";
import type { Found } from "./finding.ts";

/** `open`: its descriptors now; undefined if this user may not see them. */
type DaemonLimits = { pid: number; files: number; open: number | undefined };

/** A guest at its fullest needs 770, and local users up to 544 (the service files). */
const ENOUGH_FILES = 4096;

/** The limit of open files of each daemon of this role. */
export const CHECK_LIMITS = defineCheck<readonly DaemonLimits[]>({
  name: "limits",
  async look({ role }) {
    const found = findDaemons(role).map(async ({ pid }): Promise<DaemonLimits[]> => {
      const text = await readFile(`/proc/${pid}/limits`, "utf8").catch(() => "");
      const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? [];
      const open = await readdir(`/proc/${pid}/fd`).then(
        ({ length }) => length,
        () => undefined,
      );
      return soft === undefined ? [] : [{ pid, files: Number(soft), open }];
    });
    return (await Promise.all(found)).flat();
  },
  judge: judgeLimits,
});

const NEARLY = 0.9;

/** Judges the limits of the daemons that run. */
export function judgeLimits(
  daemons: readonly DaemonLimits[],
  { role, isRoot }: Pick<Examination, "role" | "isRoot">,
): readonly Found[] {
  if (daemons.length === 0)
    return isRoot ? [] : [unknown("this user sees no daemon, so its limits are not known", AS_ROOT)];
  return daemons.map(({ pid, files, open }) => {
    const raise =
      `Raise it: systemctl edit negotiator-${role}, with LimitNOFILE=65536 below [Service]\n` +
      `Then: systemctl restart negotiator-${role}`;
    if (open !== undefined && open > files * NEARLY)
      return warning(`process ${pid} has ${open} of ${files} files open`, raise);
    if (files < ENOUGH_FILES)
      return warning(`process ${pid} may open only ${files} files, too few for many calls at once`, raise);
    return ok(`process ${pid} may open ${files} files${open === undefined ? "" : `, and has ${open} open`}`);
  });
}
