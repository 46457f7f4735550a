/** A wrong process at the other end: at a guest's socket, and at both ends of the control socket. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir } from "node:fs/promises";
import {
  FOREIGN_NAMESPACES,
  IS_ROOT,
  OTHER_UID,
  startListener,
  startOther,
} from "../support/other-process.ts";
import { withMoreTime } from "../support/more-time.ts";
import { createStage } from "../support/stage.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;

/** The last error of the first guest, as `status` shows it. */
async function readLastError(stage: Stage): Promise<string | null> {
  const { stdout } = await stage.host.run(["status", "--json"]);
  const [line = ""] = stdout.split("\n");
  return line === "" ? null : JSON.parse(line).lastError;
}

function untilError(stage: Stage): Promise<string> {
  return until("status has the reason", async () => (await readLastError(stage)) ?? undefined);
}

/** A host without daemons, and the guest `web1` with a socket in a directory for it. */
async function createHost(guest = ""): Promise<Stage & { socket: string }> {
  const stage = await createStage({ guests: [], withoutDaemons: true });
  await chmod(stage.at("."), 0o711);
  await mkdir(stage.at("vm"), { mode: 0o755 });
  const socket = stage.at("vm/s");
  await stage.host.configure(`[[guests]]\nname = "web1"\nsocket = "${socket}"\n${guest}`);
  return Object.assign(stage, { socket });
}

test.if(IS_ROOT)(
  "another user who listens in his directory gets nothing, and status has the key to set (needs root)",
  async () => {
    await using stage = await createHost();
    const { socket } = stage;
    await chown(stage.at("vm"), OTHER_UID, OTHER_UID);
    await using listener = await startListener(socket, { uid: OTHER_UID });
    const daemon = await stage.host.start();
    const error = await untilError(stage);
    expect(error).toStartWith(
      `Cannot connect to "${socket}": "${stage.at("vm")}" belongs to user ${OTHER_UID}\n`,
    );
    expect(error).toContain('table [[guests]]: user = "USER"');
    await daemon.says(`guest "web1": Cannot connect to "${socket}"`);
    const called = await withMoreTime(
      (timeMs) => stage.host.run(["execute", "--connect-timeout", `${timeMs / 100}`, "web1", "uptime"]),
      ({ stderr }) => stderr.includes("belongs to user"),
    );
    expect(called.exitCode).toBe(125);
    expect(called.stderr).toContain(`belongs to user ${OTHER_UID}\n`);
    expect(listener.printed()).not.toContain("got");
    expect(daemon.log().match(/belongs to user/g)).toHaveLength(1);
  },
  TIMEOUT_MS,
);

test.if(IS_ROOT)(
  "the user of a table [[guests]] may listen in his directory (needs root)",
  async () => {
    await using stage = await createHost('user = "nobody"\n');
    await chown(stage.at("vm"), OTHER_UID, OTHER_UID);
    await using listener = await startListener(stage.socket, { uid: OTHER_UID });
    await stage.host.start();
    await listener.says("got");
    expect(await readLastError(stage)).toBeNull();
  },
  TIMEOUT_MS,
);

test.if(IS_ROOT)(
  "a container's root that takes the place of a guest's socket gets nothing at the redial (needs root)",
  async () => {
    await using stage = await createHost();
    await using first = await startListener(stage.socket);
    await stage.host.start();
    await first.says("got");
    await using container = await startListener(stage.socket, { wrap: FOREIGN_NAMESPACES.process });
    await first[Symbol.asyncDispose]();
    await container.says("closed");
    expect(await untilError(stage)).toContain(
      "listens there, which runs in another process namespace, as in a container\nLook at it: ps -fp ",
    );
    expect(container.printed()).not.toContain("got");
    await using again = await startListener(stage.socket);
    await again.says("got");
  },
  TIMEOUT_MS,
);

test.if(IS_ROOT)(
  "a command line sends nothing to another user's process at the control socket (needs root)",
  async () => {
    await using stage = await createHost();
    const { control } = stage.host;
    // Only a root that passed its socket on could make that.
    await chmod(stage.at("."), 0o777);
    await using listener = await startListener(control, { uid: OTHER_UID });
    await chmod(stage.at("."), 0o711);
    const called = await stage.host.run(["execute", "web1", "put-secret"], { stdin: "secret" });
    expect(called.exitCode).toBe(126);
    expect(called.stderr).toStartWith(
      `negotiator: Cannot connect to "${control}": process ${listener.pid} listens there, which runs as user`,
    );
    expect(listener.printed()).not.toContain("got");
  },
  TIMEOUT_MS,
);

test.if(IS_ROOT).each([
  ["of another user namespace", FOREIGN_NAMESPACES.user, "runs in another user namespace"],
  ["of another process namespace", FOREIGN_NAMESPACES.process, "runs in another process namespace"],
  ["with another root directory", undefined, "has another root directory"],
] as const)(
  "a daemon answers no root %s at its control socket (needs root)",
  async (_, namespace, objection) => {
    await using stage = await createHost();
    const root = stage.at("root");
    const enter = `mkdir ${root}; mount --rbind / ${root} && exec chroot ${root} "$@"`;
    const wrap = namespace ?? ["unshare", "--mount", "sh", "-c", enter, "sh"];
    const { control } = stage.host;
    const daemon = await stage.host.start();
    const greet = `import { encodeHello, PROTOCOL_VERSIONS } from "$ROOT/src/wire/session/handshake.ts";
      const hello = encodeHello({ nonce: "n", versions: PROTOCOL_VERSIONS, capabilities: [],
        agent: { name: "t", version: "1", role: "host" }, limits: { lineBytes: 1048576, noticeBytes: 1024 },
        session: { id: "s", received: 0 } });
      await Bun.connect({ unix: "${control}", socket: {
        open(socket) { socket.write(hello); },
        data() { console.log("answered"); },
        close() { console.log("closed"); },
      } }).catch(() => console.log("closed"));`;
    // A service with `PrivateTmp=` has a separate mount namespace, and may call.
    for (const own of [[], ["unshare", "--mount"]]) {
      await using caller = startOther(greet, { wrap: own });
      await caller.says("answered");
    }
    await using foreign = startOther(greet, { wrap });
    await foreign.says("closed");
    expect(foreign.printed()).not.toContain("answered");
    await daemon.says("Closed a connection without an answer: a program connected (user 0, process ");
    await daemon.says(`that ${objection}, as in a container`);
  },
  TIMEOUT_MS,
);
