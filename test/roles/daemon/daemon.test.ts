/** Both daemons: ready, reload, drain, stop, and their audit entries. */
import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { uptime } from "node:os";
import { dialControl } from "../../../src/roles/cli/control-client.ts";
import { listenForNotifications } from "../../support/notify-socket.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const DENY_ALL = "rules = []\n";
const RELOADED = "The configuration and the policy were read again";

/** Each side as the server, with the other one as the caller. */
const WAYS: [string, (stage: Stage) => { caller: Side; served: Side; to: string[] }][] = [
  ["a guest's daemon", (stage) => ({ caller: stage.host, served: stage.guest(), to: ["web1"] })],
  ["the host's daemon", (stage) => ({ caller: stage.guest(), served: stage.host, to: [] })],
];

/** Prints "ready" and ends at the end of its input. */
const WAITING = "#!/bin/sh\necho ready\ncat\necho done\n";

test(
  "a guest's daemon that gets a thousand invalid lines serves the next host",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await guest.start();
    const invalid = connect(guest.port.hostPath);
    await once(invalid, "connect");
    invalid.end("rubbish\n".repeat(1000));
    await once(invalid, "close");
    await stage.host.start();
    await stage.open();
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);

describe.concurrent.each(WAYS)("%s", (_, way) => {
  test(
    "makes a removed control socket again, and a running call goes on",
    async () => {
      await using stage = await createStage();
      const { served, caller, to } = way(stage);
      await served.command("waiting", WAITING);
      await using running = caller.launch(["execute", "-t", "0", ...to, "waiting"], { isOpen: true });
      expect(await running.firstLine()).toBe("ready");
      for (const side of [served, caller]) await rm(side.control);
      for (const side of [served, caller]) await until("it is back", () => existsSync(side.control), 5000);
      expect(await served.run(["status"])).toMatchObject({ exitCode: 0, stderr: "" });
      running.endInput();
      expect(await running.ended()).toMatchObject({ exitCode: 0, stdout: "done\n" });
    },
    TIMEOUT_MS,
  );

  test(
    "applies the new policy at SIGHUP, and a running call goes on",
    async () => {
      await using stage = await createStage();
      const { caller, served, to } = way(stage);
      await served.command("waiting", WAITING);
      await using running = caller.launch(["execute", "-t", "0", ...to, "waiting"], { isOpen: true });
      expect(await running.firstLine()).toBe("ready");

      await served.setPolicy(DENY_ALL);
      served.daemon.kill("SIGHUP");
      await served.daemon.says(RELOADED);
      expect(await caller.run(["execute", ...to, "find-distributor-id"])).toMatchObject({
        exitCode: 126,
        stdout: "",
        stderr: expect.stringContaining(
          `denies the command "find-distributor-id": no rule of the policy allows it`,
        ),
      });
      expect(await caller.run(["list-commands", ...to])).toMatchObject({
        exitCode: 0,
        stdout: "",
        stderr: expect.stringContaining("offers no command that its policy allows you\n"),
      });

      await served.setPolicy('[[rules]]\naction = "deny"\ncommands = ["find-dist*"]\nreason = "not today"\n');
      served.daemon.kill("SIGHUP");
      await served.daemon.says(RELOADED, 2);
      expect(await caller.run(["execute", ...to, "find-distributor-id"])).toMatchObject({
        exitCode: 126,
        stderr: expect.stringContaining("not today"),
      });

      await running.feed("input\n");
      running.endInput();
      expect(await running.ended()).toMatchObject({ exitCode: 0, stdout: "input\ndone\n", stderr: "" });
    },
    TIMEOUT_MS,
  );

  test(
    "denies every call under an invalid policy and logs it",
    async () => {
      await using stage = await createStage();
      const { caller, served, to } = way(stage);
      await served.setPolicy('[[rules]]\naction = "alow"\n');
      served.daemon.kill("SIGHUP");
      await served.daemon.says("Every call is denied until the policy is corrected");
      await served.daemon.says("so every call is denied");
      const denied = await caller.run(["execute", ...to, "find-distributor-id"]);
      expect(denied).toMatchObject({ exitCode: 126, stdout: "" });
      expect(denied.stderr).toContain("its policy has a mistake, so nothing is allowed");
      expect(denied.stderr).not.toContain("alow");
      expect(await served.audit()).toEqual([
        expect.objectContaining({ decision: "denied", command: "find-distributor-id", errorCode: "DENIED" }),
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    "keeps the old config when the new one is invalid",
    async () => {
      await using stage = await createStage();
      const { caller, served, to } = way(stage);
      await served.command("mine", "#!/bin/sh\necho mine\n");
      await served.configure("connectTimeoutSeconds = -1\n");
      served.daemon.kill("SIGHUP");
      await served.daemon.says("The old configuration stays: ");
      expect(served.daemon.log()).toContain("connectTimeoutSeconds");
      expect(await caller.run(["execute", ...to, "mine"])).toMatchObject({ exitCode: 0, stdout: "mine\n" });
    },
    TIMEOUT_MS,
  );

  test(
    "waits for a running call after SIGTERM, then removes its socket and exits with 0",
    async () => {
      await using stage = await createStage();
      const { caller, served, to } = way(stage);
      await served.command("waiting", WAITING);
      await using running = caller.launch(["execute", "-t", "0", ...to, "waiting"], { isOpen: true });
      expect(await running.firstLine()).toBe("ready");
      served.daemon.kill("SIGTERM");
      await served.daemon.says("SIGTERM: waiting up to 10 s for 1 call");
      await running.feed("last words\n");
      running.endInput();
      expect(await running.ended()).toMatchObject({ exitCode: 0, stdout: "last words\ndone\n", stderr: "" });
      expect(await served.daemon.exited).toBe(0);
      expect(existsSync(served.control)).toBe(false);
    },
    TIMEOUT_MS,
  );

  test(
    "ends a running call at a second SIGTERM",
    async () => {
      await using stage = await createStage();
      const { caller, served, to } = way(stage);
      await served.command("waiting", WAITING);
      await using running = caller.launch(["execute", "-t", "0", ...to, "waiting"], { isOpen: true });
      expect(await running.firstLine()).toBe("ready");
      served.daemon.kill("SIGTERM");
      await served.daemon.says("SIGTERM: waiting");
      served.daemon.kill("SIGTERM");
      expect(await served.daemon.exited).toBe(0);
      const { exitCode, stderr } = await running.ended();
      expect(exitCode).toBe(125);
      expect(stderr).toContain("The outcome of the call is unknown");
    },
    TIMEOUT_MS,
  );

  test(
    "notifies the service manager of ready, reload and stop",
    async () => {
      await using stage = await createStage({ withoutDaemons: true });
      const { served } = way(stage);
      const path = stage.at("notify");
      const beforeMs = performance.now();
      using news = listenForNotifications(path);
      const daemon = await served.start({ NOTIFY_SOCKET: path });
      await until("it is ready", () => news.messages().length === 1);
      daemon.kill("SIGHUP");
      await until("it has reloaded", () => news.messages().length === 3);
      daemon.kill("SIGTERM");
      expect(await daemon.exited).toBe(0);
      expect(news.messages()).toEqual([
        "READY=1",
        expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
        "READY=1",
        "STOPPING=1",
      ]);
      // The daemon started after this test did, and the machine started before it.
      const monotonicSeconds = Number(news.messages()[1]?.split("=").at(-1)) / 1e6;
      expect(monotonicSeconds).toBeWithin((performance.now() - beforeMs) / 1000, uptime() + 1);
    },
    TIMEOUT_MS,
  );

  test(
    "refuses a second daemon at its control socket, which has mode 660",
    async () => {
      await using stage = await createStage({ withoutDaemons: true });
      const { served } = way(stage);
      await served.start();
      expect((await stat(served.control)).mode & 0o777).toBe(0o660);
      const { exitCode, stderr } = await served.run(["daemon"]);
      expect(exitCode).toBe(1);
      const { pid } = served.daemon;
      expect(stderr).toContain(
        `Cannot listen at "${served.control}": another process listens there (process ${pid})\n`,
      );
      expect(stderr).toContain(`\nLook at it: ps -fp ${pid}\n`);
      expect(await served.run(["status"])).toMatchObject({ exitCode: 0 });
    },
    TIMEOUT_MS,
  );
});

test(
  "both audits have the same id for a call",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("count", "#!/bin/sh\nwc -c\nexit 3\n");
    await stage.host.run(["execute", "web1", "count", "a b"], { stdin: "12345" });
    await stage.guest().run(["execute", "no-such"]);
    const [host, guest] = [await stage.host.audit(2), await stage.guest().audit(2)];
    expect(host.map(({ callId }) => callId)).toEqual(guest.map(({ callId }) => callId));
    expect(new Set(host.map(({ callId }) => callId)).size).toBe(2);
    const common = { method: "execute", decision: "allowed" };
    const counted = { ...common, command: "count", arguments: ["a b"], exitCode: 3, endedBy: "command" };
    const missing = { ...common, command: "no-such", arguments: [], errorCode: "NO_COMMAND" };
    const peer = { guest: "web1" };
    expect(host).toMatchObject([
      { ...counted, role: "host", direction: "outgoing", peer },
      { ...missing, role: "host", direction: "incoming", peer },
    ]);
    expect(guest).toMatchObject([
      { ...counted, role: "guest", direction: "incoming", bytes: { stdin: 5, stdout: 2, stderr: 0 } },
      { ...missing, role: "guest", direction: "outgoing" },
    ]);
  },
  TIMEOUT_MS,
);

test(
  "two local users with the same call id get their own results and audit entries",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("say", '#!/bin/sh\nprintf %s "$1"; exit "$2"\n');
    const say = async (word: string, exitCode: string) => {
      await using control = await dialControl("host", stage.host.control);
      const params = { guest: "web1", command: "say", args: [word, exitCode] };
      const call = control?.session.call({ id: "one", method: "execute", params, read: ["stdout"] });
      if (call === undefined) throw new Error("No daemon listens");
      const words = await Array.fromAsync(call.reader("stdout"), (bytes) => Buffer.from(bytes).toString());
      return { said: words.join(""), result: (await call.answer).result };
    };
    expect(await say("mine", "1")).toMatchObject({ said: "mine", result: { exitCode: 1 } });
    expect(await say("yours", "2")).toMatchObject({ said: "yours", result: { exitCode: 2 } });
    const [host, guest] = [await stage.host.audit(2), await stage.guest().audit(2)];
    expect(guest).toMatchObject([{ arguments: ["mine", "1"] }, { arguments: ["yours", "2"] }]);
    expect(host.map(({ callId }) => callId)).toEqual(guest.map(({ callId }) => callId));
    expect(new Set(host.map(({ callId }) => callId)).size).toBe(2);
  },
  TIMEOUT_MS,
);
