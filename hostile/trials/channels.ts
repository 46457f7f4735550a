/** Trials of channels: another process pretends to be a guest's port. */
import { chmod, chown, copyFile, mkdir } from "node:fs/promises";
import { NATIVE_PORTS } from "../../src/peers/native.ts";
import { runAs, startTrialDaemon } from "../trial-host.ts";
import type { Trial, TrialStage } from "../trial.ts";

/** A user of whom no process runs. */
const OTHER = { uid: 5, gid: 60 };
const HEARD_MS = 6000;

const AS_OTHER = ["setpriv", `--reuid=${OTHER.uid}`, `--regid=${OTHER.gid}`, "--clear-groups"];

/** Listens at the path as the other user, and prints what it gets. */
const LISTENER = `
  const { createServer } = require("node:net");
  const server = createServer((socket) => socket.on("data", (bytes) => process.stdout.write(bytes)));
  server.listen(process.argv[1], () => process.stdout.write("ready\\n"));
`;

/** The trials by name. */
export const CHANNEL_TRIALS = {
  "replaced-socket": {
    what: "the owner of a channel's directory puts its own socket in the place of the guest's",
    success: "it gets a message of the daemon",
    async run(stage) {
      const directory = `${stage.directory}/channels`;
      await mkdir(directory);
      await chown(directory, OTHER.uid, OTHER.gid);
      const heard = await listen(stage, AS_OTHER, `${directory}/port.sock`);
      const own =
        'libvirt = "no"\nqemu = "no"\n' +
        `[[guests]]\nname = "web1"\nport = "${NATIVE_PORTS.hostToGuest}"\n` +
        `socket = "${directory}/port.sock"\n`;
      await startTrialDaemon(stage, { own });
      await Bun.sleep(HEARD_MS);
      const text = heard().replace("ready\n", "");
      return { hasSucceeded: text.includes("negotiate:"), figures: `${text.length} bytes of the daemon` };
    },
  },
  "fake-hypervisor": {
    what: "root of a container runs a program with the name and command line of QEMU, which names a guest",
    success: "the host lists that guest",
    async run(stage) {
      const directory = `${stage.directory}/container`;
      await mkdir(directory);
      const socket = `${directory}/port.sock`;
      await listen(stage, [], socket);
      const program = `${directory}/qemu-system-x86_64`;
      await copyFile("/bin/bash", program);
      await chmod(program, 0o755);
      const container = "unshare --pid --fork --ipc --uts --kill-child".split(" ");
      const claim = ["-name", "guest=production-db", "-chardev"];
      const chardev = `socket,id=c0,path=${socket},server=on,wait=off`;
      const device = `virtserialport,chardev=c0,name=${NATIVE_PORTS.hostToGuest}`;
      const fake = Bun.spawn(
        [...container, program, "-c", "sleep 60; :", ...claim, chardev, "-device", device],
        { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
      );
      stage.held.defer(async () => {
        fake.kill("SIGKILL");
        await fake.exited;
      });
      await Bun.sleep(1000);
      const own = 'libvirt = "no"\nqemu = "yes"\n';
      const host = await startTrialDaemon(stage, { own });
      await Bun.sleep(HEARD_MS);
      const { stdout } = await runAs(undefined, [stage.binary, "host", "list-guests"], host.environment);
      const isListed = stdout.includes("production-db");
      return { hasSucceeded: isListed, figures: isListed ? "it is listed" : "it is not listed" };
    },
  },
} as const satisfies Record<string, Trial>;

/** Resolves when the listener is ready. Returns its input so far. `runner` is the program that starts it. */
async function listen({ held }: TrialStage, runner: readonly string[], path: string): Promise<() => string> {
  const child = Bun.spawn([...runner, process.execPath, "-e", LISTENER, path], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  held.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  let text = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  const follow = async (): Promise<void> => {
    for await (const bytes of child.stdout) {
      text += Buffer.from(bytes).toString("latin1");
      resolve();
    }
  };
  void follow();
  await promise;
  return () => text;
}
