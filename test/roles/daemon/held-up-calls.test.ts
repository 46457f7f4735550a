/** Calls that a user or a file system holds up, through real daemons: others go on, and so does SIGTERM. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { mkdir, symlink } from "node:fs/promises";
import { whyNoHangingMount } from "../../support/hanging-mount.ts";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import type { Stage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const canMount = whyNoHangingMount() === undefined && Bun.which("unshare") !== null;
const TIMEOUT_MS = 180_000;
const WRAPPER = join(import.meta.dir, "../../fixtures/with-hanging-mount.ts");

/** The drain, the time from SIGTERM to SIGKILL for a command, and what a busy machine adds. */
const MOST_STOP_MS = 1000 + 5000 + 20_000;

/** A stage whose guest has a disk at `mountPoint` that does not answer; only its daemon sees it. */
async function createHangingStage(mountPoint: string): Promise<Stage> {
  const guest = ["unshare", "--mount", "--propagation", "private", process.execPath, WRAPPER, mountPoint];
  return createStage({
    settings: "drainSeconds = 1\n",
    programs: { guest: [...guest, "/dev/hanging", ...PROGRAM] },
  });
}

test.if(canMount)(
  "a disk that does not answer, of a user's program, is left out of find-disk-usage, and holds up no call",
  async () => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("disk"));
    await using stage = await createHangingStage(directory.at("disk"));
    await stage.guest().command("quick", "#!/bin/sh\necho quick\n");
    const disks = await stage.host.run(["execute", "-t", "20", "web1", "find-disk-usage"]);
    expect(disks).toMatchObject({ exitCode: 0, stderr: "" });
    expect(disks.stdout).not.toContain("/dev/hanging");
    const quick = await stage.host.run(["execute", "-t", "20", "web1", "quick"]);
    expect(quick).toMatchObject({ exitCode: 0, stdout: "quick\n" });
    const other = await stage.host.run(["execute", "web1", "find-ip-addresses"]);
    expect(other.stdout).toContain("127.0.0.1/8\n");
    const startMs = performance.now();
    stage.guest().daemon.kill("SIGTERM");
    expect(await stage.guest().daemon.exited).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(MOST_STOP_MS);
  },
  TIMEOUT_MS,
);

test.if(canMount)(
  "a command on a file system that does not answer holds up no other call, and SIGTERM ends the daemon",
  async () => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("disk"));
    await using stage = await createHangingStage(directory.at("disk"));
    await stage.guest().command("quick", "#!/bin/sh\necho quick\n");
    await stage.guest().command("hanging", `#!${directory.at("interpreter")}\n`);
    await symlink(directory.at("disk/interpreter"), directory.at("interpreter"));
    const hanging = stage.host.launch(["execute", "web1", "hanging"]);
    for (let round = 0; round < 3; round++) {
      const quick = await stage.host.run(["execute", "-t", "20", "web1", "quick"]);
      expect(quick).toMatchObject({ exitCode: 0, stdout: "quick\n" });
    }
    const { exitCode, stderr } = await hanging.ended();
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 126 });
    const startMs = performance.now();
    stage.guest().daemon.kill("SIGTERM");
    expect(await stage.guest().daemon.exited).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(MOST_STOP_MS);
  },
  TIMEOUT_MS,
);
