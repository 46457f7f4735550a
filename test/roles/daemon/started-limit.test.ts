/** The limit of open files with which commands start: the daemon's own before the runtime raised it. */
import { expect, test } from "bun:test";
import { MAIN } from "../../support/source-run.ts";
import { createStage } from "../../support/stage.ts";

const TIMEOUT_MS = 60_000;

test.failing(
  "a command starts with the limits with which the daemon was started by a shell",
  async () => {
    // The shell stays as the parent, and the daemon ends with it.
    const start = 'ulimit -Sn 300; setpriv --pdeathsig KILL "$0" "$@" & wait';
    await using stage = await createStage({
      programs: { guest: ["/bin/sh", "-c", start, process.execPath, MAIN] },
    });
    await stage.guest().command("limits", "#!/bin/sh\nulimit -Sn\nulimit -Hn\n");
    const { stdout, stderr } = await stage.host.run(["execute", "web1", "limits"]);
    const hard = Bun.spawnSync(["/bin/sh", "-c", "ulimit -Hn"]).stdout.toString();
    expect({ stdout, stderr }).toEqual({ stdout: `300\n${hard}`, stderr: "" });
  },
  TIMEOUT_MS,
);
