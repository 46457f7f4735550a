/**
 * Writes the files of an installation: all of them, or none. Every file is complete on the disk, beside its
 * place, before the first one gets its name.
 */
import { access, copyFile, link, mkdir, open, rename, rm, rmdir, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import type { JudgedEntry } from "./judge-entry.ts";

/** Files that wait for their names. Disposal removes them, and the directories made for them. */
export type StagedFiles = AsyncDisposable & {
  /** Gives all files their names. If one cannot have its name, all get back what was there. */
  commit(): Promise<void>;
};

type Draft = { draft: string; place: string; backup: string };

/** Makes directories, and writes files and links beside their places. Throws with what it could not write. */
export async function stageFiles(entries: readonly JudgedEntry[]): Promise<StagedFiles> {
  const drafts: Draft[] = [];
  const made: string[] = [];
  let isCommitted = false;
  const staged: StagedFiles = {
    async commit() {
      await renameAll(drafts);
      isCommitted = true;
    },
    async [Symbol.asyncDispose]() {
      if (isCommitted) return;
      // A file system that refuses the removal has refused the draft too, and that error is thrown.
      for (const { draft } of drafts) await rm(draft, { force: true }).catch(() => undefined);
      for (const directory of made.toReversed()) await rmdir(directory).catch(() => undefined);
    },
  };
  try {
    for (const judged of entries) await stage(judged, { drafts, made });
    return staged;
  } catch (thrown) {
    await staged[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function stage(
  { entry, place }: JudgedEntry,
  { drafts, made }: { drafts: Draft[]; made: string[] },
): Promise<void> {
  try {
    if (entry.kind === "directory") {
      await makeDirectory(place, entry.mode, made);
      return;
    }
    await makeDirectory(dirname(place), 0o755, made);
    // An interrupted installation leaves a draft, which the next one replaces.
    const draft = join(dirname(place), `.${basename(place)}.negotiator-new`);
    drafts.push({ draft, place, backup: join(dirname(place), `.${basename(place)}.negotiator-old`) });
    await rm(draft, { force: true });
    if (entry.kind === "link") await symlink(entry.to, draft);
    else await writeDraft(draft, entry);
  } catch (thrown) {
    throw writeError(place, thrown);
  }
}

/** Makes it with its parents. A parent gets the mode that others may read, whatever our umask is. */
async function makeDirectory(path: string, mode: number, made: string[]): Promise<void> {
  try {
    await mkdir(path, { mode });
    made.push(path);
  } catch (thrown) {
    // It fails with ENOTDIR if that is a file.
    if (errnoOf(thrown) === "EEXIST") return access(`${path}/.`);
    if (errnoOf(thrown) !== "ENOENT" || path === "/") throw thrown;
    await makeDirectory(dirname(path), 0o755, made);
    await makeDirectory(path, mode, made);
  }
}

async function writeDraft(
  draft: string,
  { content, mode }: Extract<JudgedEntry["entry"], { kind: "file" }>,
): Promise<void> {
  if ("text" in content) await writeFile(draft, content.text, { flag: "wx" });
  else await copyFile(content.copyOf, draft);
  await using file = await open(draft, "r+");
  await file.chmod(mode);
  await file.chown(0, 0);
  await file.sync();
}

/** A rename also replaces a program that runs, in one step. The old file has a second name meanwhile. */
async function renameAll(drafts: readonly Draft[]): Promise<void> {
  const done: Draft[] = [];
  try {
    for (const each of drafts) {
      await rm(each.backup, { force: true });
      await link(each.place, each.backup).catch((thrown: unknown) => {
        if (errnoOf(thrown) !== "ENOENT") throw writeError(each.place, thrown);
      });
      await rename(each.draft, each.place).catch(async (thrown: unknown) => {
        await rm(each.backup, { force: true });
        throw writeError(each.place, thrown);
      });
      done.push(each);
    }
  } catch (thrown) {
    for (const { place, backup } of done.toReversed()) {
      await rename(backup, place).catch(() => rm(place, { force: true }));
    }
    throw thrown;
  }
  for (const { backup } of done) await rm(backup, { force: true });
}

function writeError(place: string, thrown: unknown): NegotiatorError {
  const { condition, remedy } = CONDITIONS[errnoOf(thrown) ?? ""] ?? {
    condition: NegotiatorError.from(thrown).message,
    remedy: "Look at it: ls -ld DIRECTORY",
  };
  return new NegotiatorError("UNSUPPORTED", `Cannot write "${place}": ${condition}. Nothing was changed`, {
    remedy: remedy.replace("DIRECTORY", shellWord(dirname(place))),
    cause: thrown,
  });
}

const CONDITIONS: Readonly<Record<string, { condition: string; remedy: string }>> = {
  ENOSPC: { condition: "the disk is full", remedy: "See how much is free: df -h DIRECTORY" },
  EDQUOT: { condition: "the quota of the disk is used up", remedy: "See how much is free: df -h DIRECTORY" },
  EROFS: {
    condition: "its file system is read-only",
    remedy: 'Mount it for writing: mount -o remount,rw "$(findmnt -no TARGET -T DIRECTORY)"',
  },
  EACCES: { condition: "permission denied", remedy: "See who may write there: ls -ld DIRECTORY" },
  EPERM: { condition: "the system forbids it", remedy: "See if it is immutable: lsattr -d DIRECTORY" },
  ENOTDIR: { condition: "a file is in the place of a directory", remedy: "Look at it: ls -ld DIRECTORY" },
};
