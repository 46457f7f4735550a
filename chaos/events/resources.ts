/** Cases in which a daemon lacks something of its machine. */
import { mkdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Role } from "../call.ts";
import { endsNone } from "../case.ts";
import type { EmulatedCase } from "../case.ts";
import { runHere } from "../run-here.ts";
import { SHORT_LIMITS } from "../stage.ts";
import type { EmulatedStage } from "../stage.ts";

const LACK_MS = 3000;
const IDLE_MS = 20_000;
/** The descriptors that a daemon may open beyond those it has, while it lacks more. */
const FREE_DESCRIPTORS = 2;

/** The disk of audits and of kept output is full, no descriptors are left, nothing happens for long. */
export const RESOURCE_CASES: Readonly<Record<string, EmulatedCase>> = {
  "full-disk": {
    kind: "emulated",
    what: "the disk of the audit and of kept output is full for 3 s on both sides (needs root)",
    mayEnd: endsNone,
    async prepare({ directory, held }) {
      for (const place of ["disk", "disk/host", "disk/guest"]) {
        await mkdir(`${directory}/${place}`, { recursive: true, mode: 0o755 });
        if (place !== "disk") continue;
        await runHere(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", `${directory}/disk`]);
        held.defer(async () => void (await runHere(["umount", "-l", `${directory}/disk`])));
      }
    },
    places: "disk",
    async strike({ directory }, { during }) {
      const fill = `${directory}/disk/fill`;
      await runHere(["sh", "-c", `cat /dev/zero >${fill} 2>/dev/null || true`]);
      during();
      await delay(LACK_MS);
      await runHere(["rm", fill]);
    },
  },
  "no-descriptors-host": lackDescriptors("host"),
  "no-descriptors-guest": lackDescriptors("guest"),
  idle: {
    kind: "emulated",
    what: "nothing happens for 20 s, twenty times as long as a daemon waits before it looks for its peer",
    mayEnd: endsNone,
    settings: SHORT_LIMITS,
    async strike(_stage, { during }) {
      await delay(IDLE_MS);
      during();
    },
  },
};

/** A call that needs a descriptor then may be refused, and one that runs may lose what it has not begun. */
function lackDescriptors(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon can open no more than ${FREE_DESCRIPTORS} descriptors for 3 s`,
    mayEnd: () => true,
    async strike({ sides }: EmulatedStage, { during }) {
      const pid = String(sides[role].pid());
      const limit = async (files: string): Promise<void> => {
        await runHere(["prlimit", "--pid", pid, `--nofile=${files}:`]);
      };
      const before = await runHere(["prlimit", "--pid", pid, "--nofile", "--output=SOFT", "--noheadings"]);
      const open = await runHere(["sh", "-c", `ls /proc/${pid}/fd | wc -l`]);
      await limit(String(Number(open) + FREE_DESCRIPTORS));
      during();
      await delay(LACK_MS);
      await limit(before.trim());
    },
  };
}
