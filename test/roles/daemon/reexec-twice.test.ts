/** A daemon that is replaced twice while its peer is away keeps its calls to that peer. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { createStage } from "../../support/stage.ts";
import type { Side, StagedGuest } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;

const DIRECTIONS: [Side["role"], Side["role"], string[]][] = [
  ["host", "guest", ["execute", "web1"]],
  ["guest", "host", ["execute"]],
];

test.each(DIRECTIONS)(
  "a call of the %s that runs on the %s goes on after two replacements of its daemon during a cut",
  async (caller, runner, words) => {
    await using stage = await createStage();
    const sides = { host: stage.host, guest: stage.guest() };
    const go = stage.at("go");
    const wait = `while [ -e "$0" ] && [ ! -e ${go} ]; do sleep 0.05; done`;
    const script = `echo ran >>${stage.at("runs")}; echo begun; ${wait}`;
    await sides[runner].command("long", `#!/bin/sh\n${script}; exit 3\n`);
    await stage.open();
    await using call = sides[caller].launch([...words, "long"]);
    expect(await call.firstLine()).toBe("begun");
    const busy = await takePort(sides.guest);
    for (let count = 0; count < 2; count++)
      expect(await sides[caller].run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });
    busy.destroy();
    await stage.open();
    await Bun.write(go, "");
    expect(await call.exited).toBe(3);
    expect(await Bun.file(stage.at("runs")).text()).toBe("ran\n");
  },
  TIMEOUT_MS,
);

/** Takes the place of the host at the guest's port: the host connects and waits in silence. */
async function takePort({ port }: StagedGuest) {
  const socket = connect(port.hostPath);
  let isServed = false;
  socket.on("data", () => (isServed = true));
  await new Promise((resolve) => socket.once("connect", resolve));
  port.dropHost();
  await until("the port is taken", () => isServed);
  return socket;
}
