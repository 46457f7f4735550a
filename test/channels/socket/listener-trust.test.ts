/** Which processes may listen at a socket that is dialled, by the connected descriptor. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir } from "node:fs/promises";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { expectUser, hasEnded } from "../../../src/process/listener-trust.ts";
import type { PeerProcess } from "../../../src/process/peer-process.ts";
import { rejectionOf } from "../../support/error-of.ts";
import {
  FOREIGN_NAMESPACES,
  IS_ROOT,
  OTHER_UID,
  startListener,
  startOther,
} from "../../support/other-process.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

/** The user of a listener, as the table `[[guests]]` names it. */
const trustOther = async () => expectUser(OTHER_UID);

test("a socket in a directory in which others may make files is not dialled", async () => {
  await using directory = await createTemporaryDirectory();
  let connections = 0;
  using listener = Bun.listen({
    unix: directory.at("socket"),
    socket: { data() {}, open: () => void connections++ },
  });
  void listener;
  await (await dialSocket(directory.at("socket"))).close();
  await chmod(directory.path, 0o1777);
  expect(await rejectionOf(dialSocket(directory.at("socket")))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining(
      `others may make files in "${directory.path}"\nUse a directory in which`,
    ),
  });
  await chmod(directory.path, 0o755);
  await (await dialSocket(directory.at("socket"))).close();
  await until("both are accepted", () => connections === 2);
});

test.if(IS_ROOT)(
  "another user's process gets nothing, unless it is the named user (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("theirs", "socket");
    await mkdir(directory.at("theirs"), { mode: 0o755 });
    await chmod(directory.path, 0o711);
    await chown(directory.at("theirs"), OTHER_UID, OTHER_UID);
    await using listener = await startListener(path, { uid: OTHER_UID });
    expect((await rejectionOf(dialSocket(path))).message).toContain(`belongs to user ${OTHER_UID}`);
    expect(listener.printed()).not.toContain("connected");

    const channel = await dialSocket(path, { listener: trustOther });
    await channel.write(Buffer.from("hello"));
    await listener.says("got");
    await channel.close();

    // The directory is root's now, and the socket is still that of the other user.
    await chown(directory.at("theirs"), 0, 0);
    expect(await rejectionOf(dialSocket(path))).toMatchObject({
      code: "DENIED",
      message:
        `Cannot connect to "${path}": process ${listener.pid} listens there, ` +
        `which runs as user ${OTHER_UID}, not as root\nLook at it: ps -fp ${listener.pid}`,
    });
    await listener.says("closed\nconnected\nclosed");
    expect(listener.printed().match(/got/g)).toHaveLength(1);
  },
);

test("a process that is ending has ended, also if the kernel cannot tell", async () => {
  // A program never asks for the end of the child that its shell left, which so stays in /proc.
  await using parent = Bun.spawn(["sh", "-c", "sleep 60 & echo $!; exec tail -f /dev/null"], {
    stdout: "pipe",
  });
  const { value } = await parent.stdout.getReader().read();
  const pid = Number(Buffer.from(value ?? []).toString());
  const nameOf = async (): Promise<string> => (await Bun.file(`/proc/${parent.pid}/comm`).text()).trim();
  await until("the shell has become another program", async () => (await nameOf()) === "tail");
  process.kill(pid, "SIGKILL");
  await until("its child is ending", () => hasEnded({ pid, uid: 0, isRunning: () => true }));
});

test("a process that runs, or that this user may not see, has not ended", async () => {
  const child = Bun.spawn(["true"]);
  await child.exited;
  for (const pid of [process.pid, child.pid])
    expect(hasEnded({ pid, uid: 0, isRunning: () => true })).toBe(false);
});

test("the fault of a process that has ended is that it has", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using listener = await startListener(path);
  const expected = {
    placeUid: 0,
    async findFault(peer: PeerProcess) {
      process.kill(listener.pid, "SIGKILL");
      await until("it is ending", () => hasEnded(peer));
      return { problem: "it is not the guest's QEMU", remedy: "Start the guest" };
    },
  };
  expect(await rejectionOf(dialSocket(path, { listener: async () => expected }))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining(`process ${listener.pid} began to listen there and has ended\nStart`),
  });
});

test.if(IS_ROOT)(
  "root that listens as another user's named process does is accepted (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await using _ = await listenSocket(directory.at("socket"), { mode: 0o600, onChannel() {} });
    await (await dialSocket(directory.at("socket"), { listener: trustOther })).close();
  },
);

test.if(IS_ROOT).each(Object.entries(FOREIGN_NAMESPACES))(
  "root in another %s namespace gets nothing (needs root)",
  async (kind, wrap) => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("socket");
    await using listener = await startListener(path, { wrap });
    expect(await rejectionOf(dialSocket(path))).toMatchObject({
      code: "DENIED",
      message: expect.stringContaining(
        `listens there, which runs in another ${kind} namespace, as in a container\nLook at it: ps -fp `,
      ),
    });
    await listener.says("connected\nclosed");
    expect(listener.printed()).not.toContain("got");
  },
);

test.if(IS_ROOT)(
  "root with other mounts is accepted, with another root it gets nothing (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("socket");
    await using mounts = await startListener(path, { wrap: ["unshare", "--mount"] });
    await (await dialSocket(path)).close();
    await mounts.says("connected\nclosed");
    const root = directory.at("root");
    await mkdir(root);
    const enter = `mount --rbind / ${root} && exec chroot ${root} "$@"`;
    await using listener = await startListener(path, {
      wrap: ["unshare", "--mount", "sh", "-c", enter, "sh"],
    });
    expect((await rejectionOf(dialSocket(path))).message).toContain(
      "which has another root directory, as in a container",
    );
    await listener.says("connected\nclosed");
    expect(listener.printed()).not.toContain("got");
  },
);

/**
 * Listens, and gives its socket to a child that goes on when it ends. With `again`, the child listens too.
 */
function passOn(path: string, again: boolean): string {
  return `import { dlopen, ptr } from "bun:ffi";
    const { symbols: libc } = dlopen("libc.so.6", {
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
      bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
      listen: { args: ["i32", "i32"], returns: "i32" },
      dup2: { args: ["i32", "i32"], returns: "i32" },
    });
    if (process.env.CHILD !== undefined) {
      if (${again}) libc.listen(3, 5);
      console.log("child", process.pid, "end");
      setInterval(() => {}, 1e6);
    } else {
      const address = Buffer.concat([new Uint8Array([1, 0]), Buffer.from("${path}\\0")]);
      const socket = libc.socket(1, 1, 0);
      libc.bind(socket, ptr(address), address.length);
      libc.listen(socket, 5);
      Bun.spawn([process.execPath, "-e", await Bun.file("${path}.ts").text()], {
        env: { CHILD: "1" }, stdio: ["ignore", "inherit", "inherit", socket],
      }).unref();
      process.exit(0);
    }`;
}

test.each([
  ["has not called listen is refused with its dead parent", false],
  ["has called listen again is the listener", true],
])("a child that got the socket of its parent and %s", async (_, again) => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const code = passOn(path, again);
  await Bun.write(`${path}.ts`, code);
  await using parent = startOther(code);
  await parent.says("end");
  const child = Number(/child (\d+) end/.exec(parent.printed())?.[1]);
  try {
    if (again) await (await dialSocket(path)).close();
    else {
      const error = await rejectionOf(dialSocket(path));
      expect(error.message).toContain("has ended");
      // A daemon that was killed a moment ago does not listen any longer.
      expect(error.code).toBe("NO_CHANNEL");
    }
  } finally {
    process.kill(child, "SIGKILL");
  }
});
