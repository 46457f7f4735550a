/** The setting `builtIns`: which built-in commands a side offers. */
import { expect, test } from "bun:test";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;
const OWN_COMMAND = "#!/bin/sh\necho own\n";

/** The names of the built-in commands that the guest offers to the host. */
async function offeredTo({ host }: Stage): Promise<string[]> {
  const { stdout } = await host.run(["list-commands", "web1"]);
  return stdout.split("\n").filter(Boolean);
}

async function reload({ daemon }: Side, count: number): Promise<void> {
  daemon.kill("SIGHUP");
  await daemon.says("The configuration and the policy were read again", count);
}

test(
  "builtIns = [names] offers these and no other, a reload applies it, and own commands stay",
  async () => {
    await using stage = await createStage({ settings: 'builtIns = ["find-distributor-id"]\n' });
    const guest = stage.guest();
    expect(await offeredTo(stage)).toEqual(["find-distributor-id"]);
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
    expect(await stage.host.run(["execute", "web1", "find-ip-addresses"])).toMatchObject({
      exitCode: 127,
      stderr: expect.stringContaining('Cannot run "find-ip-addresses": it is not a command of negotiator'),
    });

    await guest.command("find-ip-addresses", OWN_COMMAND);
    expect(await offeredTo(stage)).toEqual(["find-distributor-id", "find-ip-addresses"]);
    expect(await stage.host.run(["execute", "web1", "find-ip-addresses"])).toMatchObject({ stdout: "own\n" });

    await guest.configure("builtIns = []\n");
    await reload(guest, 1);
    expect(await offeredTo(stage)).toEqual(["find-ip-addresses"]);

    await guest.configure("");
    await reload(guest, 2);
    expect(await offeredTo(stage)).toHaveLength(5);

    await guest.configure('builtIns = ["find-ip-adresses"]\n');
    guest.daemon.kill("SIGHUP");
    await guest.daemon.says('did you mean "find-ip-addresses"?');
    expect(await offeredTo(stage)).toHaveLength(5);
  },
  TIMEOUT_MS,
);

test(
  "a host offers its guests only the built-in commands that its builtIns names",
  async () => {
    await using stage = await createStage({ settings: "builtIns = []\n" });
    expect(await stage.guest().run(["list-commands"])).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await stage.guest().run(["execute", "find-disk-usage"])).toMatchObject({ exitCode: 127 });
  },
  TIMEOUT_MS,
);
