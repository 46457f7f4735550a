/** A named guest that moves to another socket of this host, as after a migration, told by a reload. */
import { expect, test } from "bun:test";
import { createSocketRelay } from "../../support/socket-relay.ts";
import { createStage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;
const WAITING = "#!/bin/sh\necho ready\ncat\necho done\n";

test.each([
  ["of the host", "host"],
  ["of the guest", "guest"],
] as const)(
  "a running call %s goes on over the guest's new socket after a reload",
  async (_, from) => {
    await using stage = await createStage();
    const { hostPath } = stage.guest().port;
    const [caller, served] = from === "host" ? [stage.host, stage.guest()] : [stage.guest(), stage.host];
    await served.command("waiting", WAITING);
    const to = from === "host" ? ["web1"] : [];
    await using running = caller.launch(["execute", "-t", "0", ...to, "waiting"], { isOpen: true });
    expect(await running.firstLine()).toBe("ready");

    const moved = stage.at("moved.sock");
    await using relays = new AsyncDisposableStack();
    relays.use(await createSocketRelay(moved, hostPath));
    const config = Bun.file(stage.at("host.toml"));
    await config.write((await config.text()).replace(`"${hostPath}"`, `"${moved}"`));
    stage.host.daemon.kill("SIGHUP");
    await stage.host.daemon.says('guest "web1": moved the port negotiator-host-to-guest.0');
    running.endInput();

    const { exitCode, stdout, stderr } = await running.ended();
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "done\n", stderr: "" });
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);
