/** Names the commit of a working tree. */

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

/** Returns git's output, undefined if git fails or is missing. */
async function git(folder: string, ...words: string[]): Promise<string | undefined> {
  if (Bun.which("git") === null) return undefined;
  const child = Bun.spawn(["git", ...words], { cwd: folder, stdout: "pipe", stderr: "ignore" });
  const output = await child.stdout.text();
  return (await child.exited) === 0 ? output : undefined;
}
