/** Calls without the daemon while a daemon holds the guest's channel. */
import { expect, test } from "bun:test";
import { createSocketRelay } from "../../support/socket-relay.ts";
import { createStage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;

test.each([
  ["--direct", () => ["--direct"], "web1"],
  ["the socket as an option", (path: string) => ["--socket", `other=${path}`], "other"],
])(
  "a call with %s beside the daemon is refused at once with the daemon's name and process",
  async (_, options, name) => {
    await using stage = await createStage();
    const path = stage.guest().port.hostPath;
    const { exitCode, stderr, durationMs } = await stage.host.run([
      "execute",
      ...options(path),
      name,
      "find-distributor-id",
    ]);
    expect(stderr).toBe(
      `negotiator: Cannot open the channel of guest "${name}": negotiator host daemon (process ` +
        `${stage.host.daemon.pid}) holds "${path}"\n` +
        "Leave out --direct and --socket: the daemon passes the call on\n",
    );
    expect(exitCode).toBe(125);
    // Its time to connect is far longer.
    expect(durationMs).toBeLessThan(30_000);
  },
  TIMEOUT_MS,
);

test(
  "a call over a socket that the daemon does not hold is served",
  async () => {
    await using stage = await createStage({ guests: ["web1", "web2"] });
    await stage.host.configure("");
    const path = stage.at("relay.sock");
    stage.host.daemon.kill("SIGKILL");
    await stage.host.daemon.exited;
    await using _ = await createSocketRelay(path, stage.guest("web2").port.hostPath);
    const words = ["execute", "--socket", `free=${path}`, "free", "find-distributor-id"];
    expect(await stage.host.run(words)).toMatchObject({ exitCode: 0, stderr: "" });
  },
  TIMEOUT_MS,
);
