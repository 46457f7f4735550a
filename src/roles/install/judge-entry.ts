/** Compares a part of the installation with what is in its place. */
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import { errnoOf } from "../../errors.ts";
import { ourUid } from "../../trust/ownership.ts";
import { judgeNow, judgePath } from "../../trust/path-trust.ts";
import type { PathTrust } from "../../trust/path-trust.ts";
import type { Entry } from "./entry.ts";
import { digestOf } from "./digest.ts";
import { placeInRoot } from "./place-in-root.ts";

/**
 * The present state of an entry's place.
 * - `missing`: nothing. `same`: what should be there. `outdated`: what an installation has put there.
 * - `changed`: what an installation put there was changed since. `foreign`: something else.
 */
export type EntryState = "missing" | "same" | "outdated" | "changed" | "foreign";

/** An entry with its place under the root. `problem`: why nothing may be written there. */
export type JudgedEntry = { entry: Entry; place: string; state: EntryState; problem?: string };

/** The digests and links that an installation has written, by path. */
export type Recorded = { files: Readonly<Record<string, string>>; links: Readonly<Record<string, string>> };

/** `root` is `/` for this machine. `recorded` is that of both roles. */
export type JudgeOptions = { root: string; recorded: readonly Recorded[] };

/** Judges one entry. Only reads. */
export function judgeEntry(entry: Entry, { root, recorded }: JudgeOptions): JudgedEntry {
  const place = placeInRoot(root, entry.path);
  const judged = { entry, place, state: stateOf(entry, place, { root, recorded }) };
  const problem = findWayProblem(place, root);
  return problem === undefined ? judged : { ...judged, problem };
}

/**
 * Returns why others could put a link, or another file, on the way to a place that root writes, removes or
 * runs; undefined if they cannot. This machine does not know who is in the groups of an image.
 */
export function findWayProblem(place: string, root: string): string | undefined {
  const trust: PathTrust = root === "/" ? { uid: 0, groups: "own" } : { uid: ourUid(), groups: "meant" };
  const { fault } = judgeNow((eyes) => judgePath(resolve(dirname(place)), trust, eyes));
  return fault === undefined ? undefined : `${fault.problem}\n${fault.remedy}`;
}

function stateOf(entry: Entry, place: string, { root, recorded }: JudgeOptions): EntryState {
  const status = statusAt(place);
  if (status === undefined) return "missing";
  if (entry.kind === "directory") {
    const target = placeInRoot(root, entry.path, { last: true });
    return statusAt(target)?.isDirectory() === true ? "same" : "foreign";
  }
  if (entry.kind === "link") {
    if (!status.isSymbolicLink()) return "foreign";
    const to = readlinkSync(place);
    if (to === entry.to) return "same";
    return recorded.some(({ links }) => links[entry.path] === to) ? "outdated" : "foreign";
  }
  if (!status.isFile()) return "foreign";
  if (entry.isFirst === true)
    return entry.earlier !== undefined && readFileSync(place, "utf8") === entry.earlier ? "outdated" : "same";
  if (entry.appended !== undefined) return "outdated";
  return fileState(entry, { place, status, recorded });
}

type FileFacts = { place: string; status: Stats; recorded: readonly Recorded[] };

function fileState(
  { path, content, mode }: Extract<Entry, { kind: "file" }>,
  { place, status, recorded }: FileFacts,
): EntryState {
  if ("copyOf" in content && isSameFile(statSync(content.copyOf), status)) return "same";
  const present = readFileSync(place);
  const wanted = "text" in content ? Buffer.from(content.text) : readFileSync(content.copyOf);
  if (present.equals(wanted)) return (status.mode & 0o7777) === mode ? "same" : "outdated";
  const written = recorded.flatMap(({ files }) => files[path] ?? []);
  // Administrators also replace the program by hand, with `install`.
  if ("copyOf" in content && isOurProgram(present)) return "outdated";
  if (written.length === 0) return "foreign";
  return written.includes(digestOf(present)) ? "outdated" : "changed";
}

function isSameFile(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** Every release has this port's name in it. */
function isOurProgram(bytes: Buffer): boolean {
  return bytes.subarray(1, 4).toString("latin1") === "ELF" && bytes.includes("negotiator-host-to-guest.0");
}

function statusAt(place: string): Stats | undefined {
  try {
    return lstatSync(place);
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
