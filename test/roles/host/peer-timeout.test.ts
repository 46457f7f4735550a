/** A guest's agent that is gone: its calls on the host end, except while the guest is paused. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { configureLog } from "../../../src/log.ts";
import { watchPeerTimeout } from "../../../src/roles/host/peer-timeout.ts";
import { createHostGuests, NO_CHANGES } from "../../support/host-guests.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

test("onTimeout is called once after afterMs, and a suspension starts the count again", () => {
  let isSuspended = false;
  let timeouts = 0;
  let tick: (() => void) | undefined;
  using _ = watchPeerTimeout({
    isSuspended: () => isSuspended,
    afterMs: 5000,
    onTimeout: () => timeouts++,
    every(listener) {
      tick = listener;
      return { [Symbol.dispose]: () => undefined };
    },
  });
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) tick?.();
  };
  pass(4);
  isSuspended = true;
  pass(100);
  isSuspended = false;
  pass(4);
  expect(timeouts).toBe(0);
  pass(100);
  expect(timeouts).toBe(1);
});

test("a guest's command on the host ends when its agent does not come back", async () => {
  await using stage = await createStage({
    settings: "[limits]\npingAfterMs=300\nunresponsiveAfterMs=1000\nabandonAfterMs=2000\n",
  });
  await stage.host.command("patient", "#!/bin/sh\necho ready\nexec sleep 1000\n");
  await using running = stage.guest().launch(["execute", "-t", "0", "patient"], { isOpen: true });
  expect(await running.firstLine()).toBe("ready");
  stage.guest().daemon.kill("SIGKILL");
  await stage.host.daemon.says("its calls are cancelled");
  const ended = await until("the command has ended", async () =>
    (await stage.host.audit()).find((line) => line["command"] === "patient" && "durationMs" in line),
  );
  expect(ended).toMatchObject({ direction: "incoming", endedBy: "cancel" });
}, 180_000);

test("a paused guest keeps its command on the host, and a guest that hangs loses it", async () => {
  await using stage = await createStage({ guests: ["paused", "hangs"], withoutDaemons: true });
  await stage.host.command("echo", "#!/bin/sh\nexec cat\n");
  const limits = {
    ...DEFAULT_LIMITS,
    pingAfterMs: 300,
    unresponsiveAfterMs: 1000,
    abandonAfterMs: 2000,
  };
  const places = {
    commandsDirectory: [stage.at("host.commands")],
    policyFile: stage.at("host.policy.toml"),
  };
  await using guests = createHostGuests(stage, { limits, ...places });
  const calling = { port: "negotiator-host-to-guest.0", source: "libvirt", state: "running" } as const;
  const endpoints = ["paused", "hangs"].map((guest): Endpoint => {
    return { guest, ...calling, path: stage.guest(guest).port.hostPath };
  });
  const daemons = await Promise.all(["paused", "hangs"].map((name) => stage.guest(name).start()));
  guests.update({ ...NO_CHANGES, appeared: endpoints });
  await using paused = stage.guest("paused").launch(["execute", "-t", "0", "echo"], { isOpen: true });
  await using hangs = stage.guest("hangs").launch(["execute", "-t", "0", "echo"], { isOpen: true });
  for (const caller of [paused, hangs]) {
    await caller.feed("first\n");
    expect(await caller.firstLine()).toBe("first");
  }

  /** Returns the guests whose commands have ended on the host. */
  const endedFor = async (): Promise<string[]> => {
    const lines = (await readFile(stage.at("audit"), "utf8")).split("\n").filter(Boolean);
    return lines.filter((line) => line.includes('"durationMs"')).map((line) => JSON.parse(line).peer.guest);
  };
  const [endpoint] = endpoints;
  if (endpoint !== undefined) guests.update({ ...NO_CHANGES, changed: [{ ...endpoint, state: "paused" }] });
  daemons[0]?.kill("SIGSTOP");
  // The paused guest is silent for longer than the other one.
  daemons[1]?.kill("SIGSTOP");
  await until("the guest that hangs has lost its call", async () => (await endedFor()).includes("hangs"));
  expect(await endedFor()).toEqual(["hangs"]);
  daemons[0]?.kill("SIGCONT");
  if (endpoint !== undefined) guests.update({ ...NO_CHANGES, changed: [endpoint] });
  await paused.feed("second\n");
  expect(await paused.firstLine()).toBe("second");
}, 180_000);
