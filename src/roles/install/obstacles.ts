/** Finds what is in the way of an installation, before it changes anything. */
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import type { JudgedEntry } from "./judge-entry.ts";

/** Returns the error with all that is in the way; undefined if the way is free. */
export function findObstacles(
  judged: readonly JudgedEntry[],
  isForced: boolean,
): NegotiatorError | undefined {
  const unsafe = judged.flatMap(({ entry, problem }) =>
    problem === undefined ? [] : [`Cannot write "${entry.path}": ${problem}`],
  );
  if (unsafe.length > 0) return new NegotiatorError("DENIED", [...new Set(unsafe)].join("\n"));
  const foreign = judged.filter(({ entry, state }) => state === "foreign" && entry.isOptional !== true);
  const masked = foreign.find(({ place }) => isMask(place));
  if (masked !== undefined) {
    const unit = basename(masked.entry.path, ".service");
    return new NegotiatorError("UNSUPPORTED", `Cannot install: the service "${unit}" is masked`, {
      remedy: `Allow it again: systemctl unmask ${unit}`,
    });
  }
  const blocking = foreign.filter(({ entry }) => !isForced || entry.kind === "directory");
  if (blocking.length === 0) return undefined;
  const paths = blocking.map(({ place }) => shellWord(place));
  const problem = `Cannot install: files of others are in the way: ${paths.join(", ")}`;
  return new NegotiatorError("UNSUPPORTED", problem, {
    remedy: `Look at them: ls -ld ${paths.join(" ")}\nMove them away, or replace files with --force`,
  });
}

/** systemd masks a unit by a link to /dev/null in its place (systemctl(1)). */
function isMask(place: string): boolean {
  try {
    return readlinkSync(place) === "/dev/null";
  } catch (thrown) {
    if (["EINVAL", "ENOENT"].includes(errnoOf(thrown) ?? "")) return false;
    throw thrown;
  }
}
