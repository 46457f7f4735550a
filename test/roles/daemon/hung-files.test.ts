/** A daemon whose own files are on a file system that stops answering. */
import { expect, test } from "bun:test";
import { copyFile, mkdir } from "node:fs/promises";
import { mountHanging, whyNoHangingMount } from "../../support/hanging-mount.ts";
import { createStage } from "../../support/stage.ts";

const TIMEOUT_MS = 120_000;
/** The drain, what the last end takes after it, and what a busy machine adds. */
const MOST_STOP_MS = 1000 + 7000 + 7000;
/** More than is kept in memory. */
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
    const { stderr } = await reload;
    expect(stderr).toContain(
      `The old configuration stays: The file system of "${stage.at("etc/negotiator.toml")}"`,
    );
    expect(await quick()).toMatchObject({ exitCode: 0 });

    const startMs = performance.now();
    guest.daemon.kill("SIGTERM");
    expect(await guest.daemon.exited).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(MOST_STOP_MS);
  },
  TIMEOUT_MS,
);
