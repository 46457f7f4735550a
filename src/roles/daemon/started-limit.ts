/**
 * Finds the limit of open files with which the daemon was started. Bun raises the soft limit to the hard one
 * before our code runs, and keeps no record of it.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runText as runProgram } from "../../process/run-text.ts";
import type { RunText } from "../../process/run-text.ts";
import { splitStat } from "../../trust/host-process.ts";

/** Tests replace both. */
export type StartedLimitOptions = { procDirectory?: string; runText?: RunText };

/**
 * Returns the soft limit of the parent process if its hard limit is ours, or the one that systemd has set.
 * Returns undefined if it is the limit that we have now, or not known: if the parent has another hard limit,
 * or has replaced itself by the daemon. Source: proc(5), `/proc/PID/limits`; systemd.exec(5), `LimitNOFILE=`.
 */
export async function findStartedLimit({
  procDirectory = "/proc",
  runText = runProgram,
}: StartedLimitOptions = {}): Promise<number | undefined> {
  const read = (...names: string[]): Promise<string> =>
    readFile(join(procDirectory, ...names), "utf8").catch(() => "");
  const own = parseLimits(await read("self", "limits"));
  const [, parent = ""] = splitStat(await read("self", "stat"));
  const isService = (await read(parent, "comm")) === "systemd\n";
  const theirs = parseLimits(await read(parent, "limits"));
  const started = isService
    ? await askSystemd(await read("self", "cgroup"), runText)
    : theirs?.hard === own?.hard
      ? theirs?.soft
      : undefined;
  return started === own?.soft ? undefined : started;
}

function parseLimits(text: string): { soft: number; hard: number } | undefined {
  const [, soft, hard] = /^Max open files +(\d+) +(\d+) /m.exec(text) ?? [];
  return soft === undefined || hard === undefined ? undefined : { soft: Number(soft), hard: Number(hard) };
}

const TIMEOUT_MS = 5000;
const OUTPUT_BYTES = 4096;

async function askSystemd(cgroup: string, runText: RunText): Promise<number | undefined> {
  const [, unit] = /\/([^/\n]+\.service)$/m.exec(cgroup) ?? [];
  if (unit === undefined) return undefined;
  const limits = { timeoutMs: TIMEOUT_MS, outputBytes: OUTPUT_BYTES, environment: {} };
  const words = ["systemctl", "show", "--property=LimitNOFILESoft", "--value", "--", unit];
  try {
    const { exitCode, stdout } = await runText(words, { ...limits, signal: new AbortController().signal });
    return exitCode === 0 && /^\d+\n$/.test(stdout) ? Number(stdout) : undefined;
  } catch {
    return undefined;
  }
}
