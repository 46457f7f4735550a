/** Owns how Debian's packages are asked for: again and again for a while, as mirrors fail, and others hold apt's locks. */
import { setTimeout as delay } from "node:timers/promises";

const TRIES = 10;
const PAUSE_MS = 15_000;
/** Only dpkg's own lock is waited for by apt itself. */
const OPTIONS = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];

/** Does `work`, which asks apt for something, with fresh lists. Rejects with what the last of several tries rejected with. */
export async function withFreshLists(work: () => Promise<void>): Promise<void> {
  for (let triesLeft = TRIES; ; triesLeft--) {
    try {
      // Whoever ended an installation in the middle left this to be done before the next one.
      await run(["dpkg", "--configure", "-a"]).catch(() => undefined);
      // Lists that cannot be had anew may do all the same: `work` tells.
      await aptGet(["update"]).catch(() => undefined);
      return await work();
    } catch (thrown) {
      if (triesLeft === 1) throw thrown;
    }
    await delay(PAUSE_MS);
  }
}

/** As root. Without what a package only recommends. */
export async function installPackages(names: readonly string[]): Promise<void> {
  await aptGet(["install", "-y", "--fix-broken", "--no-install-recommends", ...names]);
}

/** Puts the packages' files into `folder`; nothing is installed. */
export async function downloadPackages(names: readonly string[], folder: string): Promise<void> {
  // apt would drop to the user _apt, who cannot write here.
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
