/** Names the commit of a working tree, and its time. */
import { NegotiatorError } from "../src/errors.ts";

/**
 * Returns the short hash, with `-dirty` if any file is changed or new. Returns `unknown` if `folder` is not
 * the top of a repository.
 */
export async function describeCommit(folder: string): Promise<string> {
  const position = await git(folder, "rev-parse", "--show-prefix", "--short", "HEAD");
  // The first line is the path below the repository's top. A tarball inside another repository has one, so
  // its commit is unknown.
  const hash = /^\n([0-9a-f]+)\n$/.exec(position ?? "")?.[1];
  if (hash === undefined) return "unknown";
  const changes = await git(folder, "status", "--porcelain");
  return changes === "" ? hash : `${hash}-dirty`;
}

/**
 * Returns the time of the commit, in seconds since 1970. Throws `UNSUPPORTED` outside of a repository: the
 * files of a release must not depend on the clock.
 */
export async function commitSeconds(folder: string): Promise<number> {
  const seconds = Number((await git(folder, "log", "-1", "--format=%ct"))?.trim());
  if (seconds > 0) return seconds;
  throw new NegotiatorError("UNSUPPORTED", "Cannot find the time of the commit: this is not a repository", {
    remedy: "Give the time of the release: SOURCE_DATE_EPOCH=SECONDS bun run release",
  });
}

/** Returns git's output, undefined if git fails or is missing. */
async function git(folder: string, ...words: string[]): Promise<string | undefined> {
  if (Bun.which("git") === null) return undefined;
  const child = Bun.spawn(["git", ...words], { cwd: folder, stdout: "pipe", stderr: "ignore" });
  const output = await child.stdout.text();
  return (await child.exited) === 0 ? output : undefined;
}
