/** Runs a line of shell to its end. */

/** Returns its output. Throws with its errors when it fails. */
export async function runShell(line: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = Bun.spawn(["sh", "-c", line], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, errors, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode !== 0 || errors !== "") throw new Error(`"${line}" ended with ${exitCode}: ${errors}`);
  return output;
}
