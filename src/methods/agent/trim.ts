/** `guest-fstrim`. */
import { helperCommand, askProgram } from "../../process/ask-program.ts";
import type { TrimReport } from "../../process/trim-child.ts";
import { integer, optional } from "./agent-arguments.ts";
import { defineAgentCommand } from "./agent-command.ts";
import { errnoNumberText } from "./errno-text.ts";
import type { AgentCommand } from "./agent-command.ts";
import { listBlockMounts } from "./mounts.ts";

const TRIM_MS = 60 * 60_000;
const ANSWER_BYTES = 1024;

/** How the command lists the file systems on block devices, and trims one. */
export type TrimTools = {
  listMounts: () => Promise<readonly { path: string }[]>;
  trim: (path: string, minimum: bigint) => Promise<TrimReport>;
};

const SYSTEM: TrimTools = { listMounts: listBlockMounts, trim: trimInChild };

/** Gives unused blocks back to the disks. Returns the outcome for each file system. */
export const createTrim = ({ listMounts, trim }: TrimTools = SYSTEM): AgentCommand =>
  defineAgentCommand({
    name: "guest-fstrim",
    access: "ruled",
    args: { minimum: optional(integer) },
    async run({ minimum = 0n }) {
      const paths = [];
      for (const { path } of await listMounts()) {
        const report = await trim(path, minimum);
        if ("trimmed" in report) paths.push({ path, trimmed: BigInt(report.trimmed), minimum });
        else if (!NOT_POSSIBLE.has(report.errno))
          paths.push({ path, error: `failed to trim ${path}: ${errnoNumberText(report.errno)}` });
        else paths.push({ path, error: "trim not supported" });
      }
      return { paths };
    },
  });

/** ENOTTY and EOPNOTSUPP: the file system or its disk cannot do it. */
const NOT_POSSIBLE: ReadonlySet<number> = new Set([25, 95]);
const EIO = 5;

async function trimInChild(path: string, minimum: bigint): Promise<TrimReport> {
  const { outcome } = await askProgram(helperCommand("trim", [path, minimum.toString()]), {
    timeoutMs: TRIM_MS,
    outputBytes: ANSWER_BYTES,
  });
  if (typeof outcome !== "object" || outcome.exitCode !== 0) return { errno: EIO };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own child wrote it
  return JSON.parse(outcome.stdout) as TrimReport;
}
