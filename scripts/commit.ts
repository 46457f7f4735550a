/** Which commit the working tree is at. */

/** Short hash, `-dirty` behind it when any file is changed or new; `unknown` when `folder` is not the top of a repository. */
export async function describeCommit(folder: string): Promise<string> {
  const position = await git(folder, "rev-parse", "--show-prefix", "--short", "HEAD");
  // The first line is the way from the repository's top: a tarball unpacked inside another repository is not its commit.
  const hash = /^\n([0-9a-f]+)\n$/.exec(position ?? "")?.[1];
  if (hash === undefined) return "unknown";
  const changes = await git(folder, "status", "--porcelain");
  return changes === "" ? hash : `${hash}-dirty`;
}

/** What git printed, undefined where it failed or is missing. */
async function git(folder: string, ...words: string[]): Promise<string | undefined> {
  if (Bun.which("git") === null) return undefined;
  const child = Bun.spawn(["git", ...words], { cwd: folder, stdout: "pipe", stderr: "ignore" });
  const output = await child.stdout.text();
  return (await child.exited) === 0 ? output : undefined;
}
