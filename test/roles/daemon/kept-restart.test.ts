/** Detached calls and restarts of the daemon that runs them, in both directions. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { createStage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(180_000);

/** More than stays in memory. */
const LOUD_BYTES = 300_000;

/** Real daemons, of which `side` calls and `other` runs. */
async function createScene(from: "host" | "guest") {
  await using owned = new AsyncDisposableStack();
  const spool = owned.use(await createTemporaryDirectory());
  const settings = `drainSeconds = 0\ndetached.directory = "${spool.path}"\n`;
  const stage = owned.use(await createStage({ settings }));
  const [side, other] = from === "host" ? [stage.host, stage.guest()] : [stage.guest(), stage.host];
  await other.command("quick", "#!/bin/sh\necho out; echo err >&2; exit 7");
  await other.command("loud", `#!/bin/sh\nhead -c ${LOUD_BYTES} /dev/zero | tr '\\0' x`);
  await other.command(
    "slow",
    `#!/bin/sh\necho begun; while ! [ -e "${stage.at("end")}" ]; do sleep 0.02; done`,
  );
  // A command outlives a daemon that is killed.
  owned.defer(async () => void (await Bun.write(stage.at("end"), "")));
  await stage.open();
  const target = from === "host" ? ["web1"] : [];
  const place = async (): Promise<string> =>
    spool.at((await readdir(spool.path)).find((name) => name.startsWith(`${other.role}.`)) ?? "none");
  const kept = owned.move();
  return {
    run: (words: readonly string[]) => side.run(words),
    launch: (words: readonly string[]) => side.launch(words),
    detach: async (command: string): Promise<string> =>
      (await side.run(["execute", "--detach", ...target, command])).stdout.trim(),
    list: async (): Promise<string> => Bun.file(`${await place()}/kept.json`).text(),
    /** The modes of all files that the other side keeps. */
    modes: async () => {
      const path = await place();
      const files = (await readdir(path)).map(async (name) => (await stat(`${path}/${name}`)).mode & 0o777);
      return new Set(await Promise.all(files));
    },
    end: async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
      other.daemon.kill(signal);
      await other.daemon.exited;
    },
    start: async () => {
      await other.start();
      await stage.open();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

test.each(["host", "guest"] as const)(
  "calls of the %s that were detached: a restart keeps their ends, and a kill leaves them unknown",
  async (from) => {
    await using scene = await createScene(from);
    const [quick, loud] = [await scene.detach("quick"), await scene.detach("loud")];
    await scene.run(["wait", quick, loud]);
    const cut = await scene.detach("slow");
    await using follower = scene.launch(["attach", cut]);
    expect(await follower.firstLine()).toBe("begun");
    await scene.end("SIGTERM");
    await scene.start();
    expect(await scene.run(["attach", quick])).toMatchObject({
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 7,
    });
    const whole = await scene.run(["attach", loud]);
    expect([whole.stdout.length, whole.stderr, whole.exitCode]).toEqual([LOUD_BYTES, "", 0]);
    const ended = await scene.run(["attach", cut]);
    expect([ended.stdout, ended.exitCode]).toEqual(["begun\n", 143]);
    expect(ended.stderr).toStartWith("negotiator: The command was ended early");
    expect(await scene.modes()).toEqual(new Set([0o600]));

    const lost = await scene.detach("slow");
    await until("the call is in the list", async () => (await scene.list()).includes(lost));
    await scene.end("SIGKILL");
    await scene.start();
    const unknown = 'negotiator: The outcome of "slow" is unknown: the daemon that ran it was killed';
    for (const subcommand of ["attach", "wait"]) {
      // The guest may not have connected again yet.
      const { stderr, exitCode } = await until("the guest says what it knows", async () => {
        const run = await scene.run([subcommand, lost]);
        return run.stderr.includes("\nTry again") ? undefined : run;
      });
      expect(stderr).toStartWith(unknown);
      expect(exitCode).toBe(125);
    }
    expect((await scene.run(["wait", quick])).exitCode).toBe(7);
    expect((await scene.run(["calls"])).stdout).toContain(lost);
  },
);
