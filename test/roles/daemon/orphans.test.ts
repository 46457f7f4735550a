/** A daemon that is process 1, as in a container, collects the processes that its commands leave behind. */
import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] as const;
const isRoot = process.getuid?.() === 0;

const RELAY = join(import.meta.dir, "../../support/socket-relay.ts");
/**
 * Becomes the daemon of the shell's words. Its port listens in its process namespace, because a daemon trusts
 * no listener of another one.
 */
const BEHIND_RELAY = `port=$(sed -n 's/^characterDevice = "\\(.*\\)"/\\1/p' "$NEGOTIATOR_CONFIG")
${process.execPath} -e 'import { createSocketRelay } from "${RELAY}";
  await createSocketRelay(process.argv[1] + ".inside", process.argv[1]);' "$port" &
exec "$0" "$@" --character-device "$port.inside"`;

/** Leaves 20 processes behind, which end when the command has ended. */
const LEAVE = "#!/bin/sh\nfor n in $(seq 20); do (sleep 0.3 &) </dev/null >/dev/null 2>&1; done\n";
/** Prints the number of zombies in its pid namespace. */
const COUNT = "#!/bin/sh\ngrep -ls '^State:.*Z' /proc/[0-9]*/status | wc -l\n";
const ORPHANS = "#!/bin/sh\ngrep -ls '^Name:.*sleep' /proc/[0-9]*/status | wc -l\n";

test.skipIf(!isRoot)(
  "no zombie of 20 abandoned processes stays, and each call keeps its exit code (needs root)",
  async () => {
    const guest = [...NAMESPACE, "/bin/sh", "-c", BEHIND_RELAY, ...PROGRAM];
    await using stage = await createStage({ programs: { guest } });
    const web1 = stage.guest();
    await web1.command("leave", LEAVE);
    await web1.command("count", COUNT);
    await web1.command("orphans", ORPHANS);
    await web1.command("seven", "#!/bin/sh\nsleep 0.2\nexit 7\n");
    const ask = async (name: string): Promise<string> =>
      (await stage.host.run(["execute", "web1", name])).stdout.trim();

    expect(await stage.host.run(["execute", "web1", "leave"])).toMatchObject({ exitCode: 0, stderr: "" });
    // Meanwhile the daemon looks for zombies, and must not collect its commands.
    const codes = await Promise.all(
      Array.from({ length: 10 }, async () => (await stage.host.run(["execute", "web1", "seven"])).exitCode),
    );
    expect(codes).toEqual(Array(10).fill(7));
    await until("the abandoned processes have ended", async () => (await ask("orphans")) === "0", 20_000);
    await until("no zombie is left", async () => (await ask("count")) === "0", 20_000);
  },
  TIMEOUT_MS,
);

async function nameOf(pid: string): Promise<string> {
  return readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
}

test(
  "a child that the shell had before it became the daemon does not stay as a zombie",
  async () => {
    const guest = ["/bin/sh", "-c", 'sleep 0.1 & exec "$0" "$@"', ...PROGRAM];
    await using stage = await createStage({ programs: { guest } });
    const { pid } = stage.guest().daemon;
    const list = (): Promise<string> => readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    const names = async (): Promise<string[]> => Promise.all((await list()).trim().split(" ").map(nameOf));
    await until("it is collected", async () => !(await names()).includes("sleep\n"), 20_000);
  },
  TIMEOUT_MS,
);
