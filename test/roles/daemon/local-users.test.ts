/** Local users who open many connections or make many calls: they shut out only themselves. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const IS_ROOT = process.getuid?.() === 0;
const ROOT_FOLDER = join(import.meta.dir, "../../..");
const TIMEOUT_MS = 180_000;
/** `nobody`. It keeps the group of root, so it may use the control socket. */
const UID = 65_534;

/** A process of another user. Its `code` prints lines; the first ones are returned by `says`. */
function startAs(uid: number, code: string): AsyncDisposable & { says: (text: string) => Promise<unknown> } {
  const modules = `
    import { dialSocket } from "${ROOT_FOLDER}/src/channels/socket/socket.ts";
    import { openCliSession } from "${ROOT_FOLDER}/src/roles/cli/cli-session.ts";
    import { setTimeout as delay } from "node:timers/promises";
    process.setuid(${uid});
  `;
  const child = Bun.spawn([process.execPath, "-e", modules + code], { stdout: "pipe", stderr: "inherit" });
  let text = "";
  void (async () => {
    for await (const bytes of child.stdout) text += Buffer.from(bytes).toString();
  })();
  return {
    says: (part) => until(`the other user says ${part}; it says: ${text}`, () => text.includes(part)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

test.if(IS_ROOT)(
  "600 connections of one local user are refused beyond its share, and root is served (needs root)",
  async () => {
    await using stage = await createStage();
    const { control } = stage.host;
    await chmod(dirname(control), 0o711);
    await using _ = startAs(
      UID,
      `let refused = "";
       for (let count = 0; count < 600; count++) {
         const channel = await dialSocket("${control}").catch(() => undefined);
         if (channel === undefined) continue;
         const { session } = openCliSession("host", channel);
         if (refused === "" && count > 127)
           await session.call({ method: "status" }).answer.catch((error) => { refused = error.message; });
       }
       console.log("refused: " + refused + " all open");
       await delay(1e6);`,
    );
    await _.says("all open");
    await _.says('Too many connections of the local user "nobody" (128 of 128)');
    await _.says("See them with: ss -xp | grep");
    const ended = await stage.host.run(["execute", "web1", "find-distributor-id"]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  },
  TIMEOUT_MS,
);

test.if(IS_ROOT)(
  "200 calls of one local user to one guest are refused beyond its share, and root's call runs (needs root)",
  async () => {
    await using stage = await createStage();
    const { control } = stage.host;
    await chmod(dirname(control), 0o711);
    await stage.guest().command("waiter", "#!/bin/sh\nexec sleep 1000\n");
    await using _ = startAs(
      UID,
      `const texts = new Set();
       for (let count = 0; count < 10; count++) {
         const { session } = openCliSession("host", await dialSocket("${control}"));
         for (let call = 0; call < 20; call++) {
           const params = { guest: "web1", command: "waiter", args: [] };
           session.call({ method: "execute", params, read: ["stdout", "stderr"] })
             .answer.catch((error) => { texts.add(error.message); console.log([...texts].join()); });
         }
       }
       await delay(1e6);`,
    );
    await _.says('Too many calls of the local user "nobody" to "web1" (32 of 32)');
    await _.says("see its programs with: ps -u 65534");
    const ended = await stage.host.run(["execute", "web1", "find-distributor-id"]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await stage.open()).toMatchObject({ calls: { outgoing: 32 } });
  },
  TIMEOUT_MS,
);
