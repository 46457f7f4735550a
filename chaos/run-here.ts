/** Runs a program of this machine. */

/** Returns its output. Throws with its errors if it fails. */
export async function runHere(words: readonly string[]): Promise<string> {
  const child = Bun.spawn([...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode !== 0) throw new Error(`"${words.join(" ")}" ended with ${exitCode}: ${stderr}`);
  return stdout;
}
