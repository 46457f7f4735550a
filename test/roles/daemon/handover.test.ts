/** A daemon that replaces itself hands its calls over: the other side notices only a pause. */
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { createRandom } from "../../support/random.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const BIG = 2 * 1024 * 1024;
const SHORT_CALLS = 20;

const SIDES: [string, (stage: Stage) => Side][] = [
  ["host", (stage) => stage.host],
  ["guest", (stage) => stage.guest()],
];
/** The words of a call to the other side. */
const DIRECTIONS: [Side["role"], string[]][] = [
  ["host", ["execute", "web1"]],
  ["guest", ["execute"]],
];

describe.each(SIDES)("the %s's daemon is replaced", (role, sideOf) => {
  test(
    `${role}: running calls in both directions keep their streams, messages and exit codes`,
    async () => {
      await using stage = await createStage();
      const sides = { host: stage.host, guest: stage.guest() };
      for (const side of Object.values(sides)) {
        await side.command("wait", `#!/bin/sh\necho begun\ncat\necho over >&2\nexit 7\n`);
        await side.command(
          "trapped",
          `#!/bin/sh\ntrap 'echo got; exit 9' USR1\necho begun\nwhile :; do sleep 0.1; done\n`,
        );
        await side.command("copy", "#!/bin/sh\nexec cat\n");
        await side.command("short", `#!/bin/sh\necho "$1"\nexit 3\n`);
      }
      const input = createRandom(1).bytes(BIG);
      const waiting = DIRECTIONS.map(([caller, words]) =>
        sides[caller].launch([...words, "wait"], { isOpen: true }),
      );
      const trapped = DIRECTIONS.map(([caller, words]) => sides[caller].launch([...words, "trapped"]));
      for (const call of [...waiting, ...trapped]) expect(await call.firstLine()).toBe("begun");
      const copies = DIRECTIONS.map(([caller, words]) =>
        sides[caller].run([...words, "copy"], { stdin: input }),
      );
      const detached = await sides.host.run(["execute", "--detach", "web1", "wait"]);
      const shorts = Array.from({ length: SHORT_CALLS }, async (_, index) => {
        const [caller, words] = DIRECTIONS[index % 2] ?? ["host", []];
        const { exitCode, stdout, stderr } = await sides[caller].run([...words, "short", String(index)]);
        return { exitCode, stdout, stderr };
      });

      const { pid } = sideOf(stage).daemon;
      expect(await sideOf(stage).run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });
      expect(sideOf(stage).daemon.pid).toBe(pid);
      expect(sideOf(stage).daemon.log().split("Serving local users")).toHaveLength(3);

      for (const call of trapped) call.kill("SIGUSR1");
      for (const call of trapped) expect(await call.ended()).toMatchObject({ exitCode: 9, stdout: "got\n" });
      for (const call of waiting) {
        await call.feed("more\n");
        call.endInput();
        expect(await call.ended()).toMatchObject({ exitCode: 7, stdout: "more\n", stderr: "over\n" });
      }
      for (const { exitCode, output } of await Promise.all(copies)) {
        expect(exitCode).toBe(0);
        expect(Bun.hash(output)).toBe(Bun.hash(input));
      }
      const expected = shorts.map((_, index) => ({ exitCode: 3, stdout: `${index}\n`, stderr: "" }));
      expect(await Promise.all(shorts)).toEqual(expected);
      expect(await sides.host.run(["attach", detached.stdout.trim()])).toMatchObject({
        exitCode: 7,
        stdout: "begun\n",
        stderr: "over\n",
      });
    },
    TIMEOUT_MS,
  );
});

test(
  "a detached command that runs keeps its output and its end over two replacements of its daemon",
  async () => {
    await using stage = await createStage();
    const guest = stage.guest();
    const wait = `while [ -e "$0" ] && [ ! -e ${stage.at("go")} ]; do sleep 0.1; done`;
    await guest.command("long", `#!/bin/sh\nseq 30000\n${wait}\nseq 3\nexit 5\n`);
    const { stdout: id } = await stage.host.run(["execute", "--detach", "web1", "long"]);
    const attached = stage.host.launch(["attach", id.trim()]);
    const first = Buffer.from((await attached.read()) ?? []).toString();
    for (let count = 0; count < 2; count++)
      expect(await guest.run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });
    await Bun.write(stage.at("go"), "");
    const all = `${Array.from({ length: 30_000 }, (_, index) => index + 1).join("\n")}\n1\n2\n3\n`;
    const { exitCode, stdout } = await attached.ended();
    expect({ exitCode, isSame: first + stdout === all }).toEqual({ exitCode: 5, isSame: true });
    const again = await stage.host.run(["attach", id.trim()]);
    expect({ exitCode: again.exitCode, isSame: again.stdout === all }).toEqual({ exitCode: 5, isSame: true });
    expect((await stage.host.run(["calls"])).stdout).toContain(id.trim());
  },
  TIMEOUT_MS,
);

test.skipIf(process.getuid?.() !== 0)(
  "commands of another user keep input, output, signals and exit codes over two replacements of their daemon",
  async () => {
    await using stage = await createStage();
    const [guest, { host }] = [stage.guest(), stage];
    await chmod(stage.at("."), 0o755);
    await guest.setPolicy('[[rules]]\naction = "allow"\nuser = "nobody"\n');
    await guest.command("wait", "#!/bin/sh\necho begun\ncat\nid -un >&2\nexit 7\n");
    await guest.command("copy", "#!/bin/sh\nexec cat\n");
    await guest.command("endless", "#!/bin/sh\necho begun\nexec sleep 1000\n");
    await guest.command(
      "trapped",
      "#!/bin/sh\ntrap 'echo got; exit 9' USR1\necho begun\nwhile :; do sleep 0.1; done\n",
    );
    await guest.command(
      "pause",
      `#!/bin/sh\necho begun\nwhile [ -e "$0" ] && [ ! -e "$1" ]; do sleep 0.1; done\nid -un\nexit 5\n`,
    );
    expect(await guest.run(["reload"])).toMatchObject({ exitCode: 0 });

    const waiting = host.launch(["execute", "web1", "wait"], { isOpen: true });
    const trapped = host.launch(["execute", "web1", "trapped"]);
    const late = host.launch(["execute", "-t", "10", "web1", "endless"]);
    for (const call of [waiting, trapped, late]) expect(await call.firstLine()).toBe("begun");
    const go = stage.at("go");
    const { stdout: id } = await host.run(["execute", "--detach", "web1", "pause", go]);
    const input = createRandom(2).bytes(BIG);
    const copy = host.run(["execute", "web1", "copy"], { stdin: input });
    for (let count = 0; count < 2; count++)
      expect(await guest.run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });

    trapped.kill("SIGUSR1");
    expect(await trapped.ended()).toMatchObject({ exitCode: 9, stdout: "got\n" });
    await waiting.feed("more\n");
    waiting.endInput();
    expect(await waiting.ended()).toMatchObject({ exitCode: 7, stdout: "more\n", stderr: "nobody\n" });
    const { exitCode, output } = await copy;
    expect({ exitCode, hash: Bun.hash(output) }).toEqual({ exitCode: 0, hash: Bun.hash(input) });
    await Bun.write(go, "");
    expect(await host.run(["attach", id.trim()])).toMatchObject({ exitCode: 5, stdout: "begun\nnobody\n" });
    expect(await late.ended()).toMatchObject({ exitCode: 124 });
  },
  TIMEOUT_MS,
);

test(
  "a call that waits for its guest goes on waiting, and runs once the guest is there",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    await stage.host.start();
    const waiting = stage.host.run(["execute", "web1", "find-distributor-id"]);
    await until("the call waits", async () => (await stage.host.run(["status"])).stdout.includes("web1"));
    expect(await stage.host.run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });
    await stage.guest().start();
    expect(await waiting).toMatchObject({ exitCode: 0, stderr: "" });
  },
  TIMEOUT_MS,
);

/** The time for a call to connect, in which a busy machine must start a command line. */
const SILENT_MS = 4000;

async function passes(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  await until("the time has passed", () => performance.now() > endMs);
}

test(
  "a running call survives a replacement of the host's daemon while its guest is silent beyond its time",
  async () => {
    await using stage = await createStage();
    const guest = stage.guest();
    await guest.command("wait", "#!/bin/sh\necho begun\ncat\nexit 7\n");
    const words = ["execute", "--connect-timeout", `${SILENT_MS / 1000}`, "web1", "wait"];
    const running = stage.host.launch(words, { isOpen: true });
    expect(await running.firstLine()).toBe("begun");
    await passes(SILENT_MS);
    guest.daemon.kill("SIGSTOP");
    expect(await stage.host.run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });
    await passes(SILENT_MS);
    guest.daemon.kill("SIGCONT");
    await running.feed("more\n");
    running.endInput();
    expect(await running.ended()).toMatchObject({ exitCode: 7, stdout: "more\n", stderr: "" });
  },
  TIMEOUT_MS,
);
