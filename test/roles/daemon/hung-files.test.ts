/** A daemon whose own files are on a file system that stops answering. */
import { expect, test } from "bun:test";
import { copyFile, mkdir } from "node:fs/promises";
import { mountHanging, whyNoHangingMount } from "../../support/hanging-mount.ts";
import { launch } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const TIMEOUT_MS = 180_000;
/** The drain, what the last end takes after it, and what a busy machine adds. */
const MOST_STOP_MS = 1000 + 7000 + 20_000;
/** No process has it: it is above the largest one (proc(5), `pid_max`). */
const OTHER_PID = 4_194_305;
/** It writes more than is kept in memory. */
const NOISE = "#!/bin/sh\nhead -c 300000 /dev/zero\necho done >&2\n";

test.if(whyNoHangingMount() === undefined)(
  "calls, status, reload and SIGTERM go on while config, policy, commands and state do not answer",
  async () => {
    await using stage = await createStage({ withoutDaemons: true, settings: "drainSeconds = 1\n" });
    const guest = stage.guest();
    await mkdir(stage.at("etc"));
    await copyFile(stage.at("web1.toml"), stage.at("etc/negotiator.toml"));
    await Bun.write(stage.at("files/policy.toml"), '[[rules]]\naction = "allow"\n');
    await mkdir(stage.at("files/commands"));
    await guest.command("quick", "#!/bin/sh\necho quick\n");
    await guest.command("noise", NOISE);
    await Promise.all([
      stage.host.start(),
      guest.start({
        NEGOTIATOR_CONFIG: stage.at("etc/negotiator.toml"),
        NEGOTIATOR_POLICY_FILE: stage.at("files/policy.toml"),
        NEGOTIATOR_COMMANDS_DIRECTORY: `${stage.at("web1.commands")},${stage.at("files/commands")}`,
        NEGOTIATOR_DETACHED_DIRECTORY: stage.at("files/state"),
      }),
    ]);
    await stage.open();
    const quick = () => stage.host.run(["execute", "-t", "20", "web1", "quick"]);
    expect(await quick()).toMatchObject({ exitCode: 0, stdout: "quick\n" });
    using mounts = new DisposableStack();
    mounts.use(mountHanging(stage.at("files")));

    const status = guest.run(["status", "--check"]);
    const id = (await stage.host.run(["execute", "--detach", "web1", "noise"])).stdout.trim();
    for (let round = 0; round < 3; round++) expect(await quick()).toMatchObject({ exitCode: 0 });
    const waited = stage.host.run(["wait", id]);
    expect((await status).stdout).toContain(`"${stage.at("files/policy.toml")}" does not answer`);
    expect((await waited).exitCode).toBe(0);
    const attached = await stage.host.run(["attach", id]);
    expect([attached.exitCode, attached.output.length]).toEqual([0, 0]);
    expect(attached.stderr).toContain("done\n");

    mounts.use(mountHanging(stage.at("etc")));
    const reload = guest.run(["reload"]);
    expect(await quick()).toMatchObject({ exitCode: 0 });
    const kept = `The old configuration stays: The file system of "${stage.at("etc/negotiator.toml")}"`;
    await guest.daemon.says(kept);
    // The daemon needs more than five of the ten seconds for which the command line waits.
    const { stderr, durationMs } = await reload;
    if (durationMs < 10_000) expect(stderr).toContain(kept);
    expect(await quick()).toMatchObject({ exitCode: 0 });

    const startMs = performance.now();
    guest.daemon.kill("SIGTERM");
    expect(await guest.daemon.exited).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(MOST_STOP_MS);
  },
  TIMEOUT_MS,
);

test.if(whyNoHangingMount() === undefined)(
  "a daemon starts and serves while the calls that one before it has left do not answer",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await guest.command("quick", "#!/bin/sh\necho quick\n");
    const left = `guest.${OTHER_PID}`;
    await mkdir(stage.at(`state/${left}`), { recursive: true });
    using _ = mountHanging(stage.at(`state/${left}`));
    await Promise.all([
      stage.host.start(),
      guest.start({ NEGOTIATOR_DETACHED_DIRECTORY: stage.at("state") }),
    ]);
    await stage.open();
    const call = await stage.host.run(["execute", "-t", "20", "web1", "quick"]);
    expect(call).toMatchObject({ exitCode: 0, stdout: "quick\n" });
    expect(guest.daemon.log()).toContain("The detached calls of before are forgotten: The file system of ");
  },
  TIMEOUT_MS,
);

test.if(whyNoHangingMount() === undefined)(
  "a daemon whose config does not answer says so and ends",
  async () => {
    await using directory = await createTemporaryDirectory();
    using mount = mountHanging(directory.at("etc"));
    await using daemon = launch(["guest", "daemon"], {
      env: { NEGOTIATOR_CONFIG: `${mount.path}/negotiator.toml` },
    });
    const { exitCode, stderr } = await daemon.ended();
    expect(stderr).toStartWith(
      `negotiator: The file system of "${mount.path}/negotiator.toml" does not answer within 5 s\n`,
    );
    expect(exitCode).toBe(1);
  },
  TIMEOUT_MS,
);
