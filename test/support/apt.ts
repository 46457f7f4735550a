/**
 * Installs and downloads Debian packages, with retries: mirrors fail, and other processes hold apt's locks.
 */
import { setTimeout as delay } from "node:timers/promises";

const TRIES = 10;
const PAUSE_MS = 15_000;
/** apt waits for dpkg's lock only, so `withFreshLists` retries for the others. */
const OPTIONS = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];

/** Runs `work` with fresh package lists, up to 10 times. Rejects with the error of the last try. */
export async function withFreshLists(work: () => Promise<void>): Promise<void> {
  for (let triesLeft = TRIES; ; triesLeft--) {
    try {
      // An interrupted installation must be finished before the next one.
      await run(["dpkg", "--configure", "-a"]).catch(() => undefined);
      // Old lists may still be good enough, so `work` decides.
      await aptGet(["update"]).catch(() => undefined);
      return await work();
    } catch (thrown) {
      if (triesLeft === 1) throw thrown;
    }
    await delay(PAUSE_MS);
  }
}

/** Installs packages as root, without recommended packages. */
export async function installPackages(names: readonly string[]): Promise<void> {
  await aptGet(["install", "-y", "--fix-broken", "--no-install-recommends", ...names]);
}

/** Downloads package files into `folder` and installs nothing. */
export async function downloadPackages(names: readonly string[], folder: string): Promise<void> {
  // apt would switch to the user `_apt`, which cannot write here.
  await aptGet(["-o", "APT::Sandbox::User=root", "download", ...names], folder);
}

async function aptGet(words: readonly string[], folder?: string): Promise<void> {
  await run(["apt-get", ...OPTIONS, ...words], folder);
}

async function run(words: readonly string[], folder = "/"): Promise<void> {
  const child = Bun.spawn([...words], {
    cwd: folder,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [exitCode, stderr] = await Promise.all([child.exited, child.stderr.text()]);
  if (exitCode !== 0) throw new Error(`${words.join(" ")} failed with exit code ${exitCode}:\n${stderr}`);
}
