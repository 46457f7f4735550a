/** Cases in which a daemon reaches the limit of its memory. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../test/support/until.ts";
import type { Role } from "../call.ts";
import type { EmulatedCase } from "../case.ts";

const LACK_MS = 3000;
/** The memory that a daemon and its commands may take beyond what they have. */
const FREE_BYTES = 4 * 1024 * 1024;

/** The kernel ends the daemon when nothing can be freed, and then a service manager starts it again. */
export const MEMORY_CASES: Readonly<Record<string, EmulatedCase>> = {
  "memory-limit-host": limitMemory("host"),
  "memory-limit-guest": limitMemory("guest"),
};

function limitMemory(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon and its commands may take 4 MiB more memory for 3 s (needs root)`,
    mayEnd: () => true,
    async prepare({ directory, held }) {
      const { folder } = groupOf(directory);
      await mkdir(folder);
      held.defer(
        async () => void (await until("the group is empty", () => rmdir(folder).then(isDone, isNotYet))),
      );
      const join = ["sh", "-c", `echo $$ >${folder}/cgroup.procs; exec "$@"`, "sh"];
      return (side, binary) => (side === role ? [...join, binary] : [binary]);
    },
    async strike({ sides, directory }, { during }) {
      const { folder, usage, limit, none } = groupOf(directory);
      const side = sides[role];
      let isEnded = false;
      void side.ended().then(() => (isEnded = true));
      const bytes = Number(await readFile(`${folder}/${usage}`, "utf8")) + FREE_BYTES;
      await writeFile(`${folder}/${limit}`, String(bytes));
      during(["host", "guest"], ["raw", "text", "waiting"]);
      await delay(LACK_MS);
      await writeFile(`${folder}/${limit}`, none);
      if (isEnded) await side.start();
    },
  };
}

type Group = { folder: string; usage: string; limit: string; none: string };

/** Returns the cgroup of a stage, of either version of cgroups. */
function groupOf(directory: string): Group {
  const name = directory.split("/").at(-1);
  const first = "/sys/fs/cgroup/memory";
  return existsSync(first)
    ? {
        folder: `${first}/${name}`,
        usage: "memory.usage_in_bytes",
        limit: "memory.limit_in_bytes",
        none: "-1",
      }
    : {
        folder: `/sys/fs/cgroup/${name}`,
        usage: "memory.current",
        limit: "memory.max",
        none: "max",
      };
}

function isDone(): boolean {
  return true;
}

function isNotYet(): boolean {
  return false;
}
