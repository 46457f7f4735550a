/** Detached calls through real daemons, in both directions. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(180_000);

let spool: TemporaryDirectory;
let stage: Stage;
beforeAll(async () => {
  spool = await createTemporaryDirectory();
  stage = await createStage({ settings: `detached.directory = "${spool.at("kept")}"\n` });
  for (const side of [stage.host, stage.guest()]) {
    await side.command("quick", "#!/bin/sh\necho out; echo err >&2; exit 7");
    await side.command("deaf", "#!/bin/sh\ntrap '' TERM; echo ready; while :; do sleep 0.02; done");
    await side.command("fine", "#!/bin/sh\nexit 0");
    await side.command(
      "slow",
      `#!/bin/sh\necho begun; while ! [ -e "$1" ]; do sleep 0.02; done; echo done; exit 4`,
    );
    await side.command(
      "caught",
      "#!/bin/sh\ntrap 'echo got it; exit 3' USR1; echo ready; while :; do sleep 0.02; done",
    );
  }
  await stage.open();
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await spool[Symbol.asyncDispose]();
});

type Caller = { side: () => Side; other: () => Side; target: readonly string[] };
const CALLERS: readonly [string, Caller][] = [
  ["from the host", { side: () => stage.host, other: () => stage.guest(), target: ["web1"] }],
  ["from the guest", { side: () => stage.guest(), other: () => stage.host, target: [] }],
];

let files = 0;
const newFile = (): string => stage.at(`file-${++files}`);

describe.each(CALLERS)("%s", (_, { side, other, target }) => {
  const detach = async (...words: string[]): Promise<string> => {
    const { stdout, stderr, exitCode } = await side().run(["execute", "--detach", ...target, ...words]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toMatch(/^[A-Za-z0-9_-]{22,}\n$/);
    return stdout.trim();
  };

  test("attach gives output and exit code of a command that has ended, as often as asked", async () => {
    const id = await detach("quick");
    for (let times = 0; times < 2; times++)
      expect(await side().run(["attach", id])).toMatchObject({
        stdout: "out\n",
        stderr: "err\n",
        exitCode: 7,
      });
  });

  test("attach follows a command that runs; --follow leaves out what came before", async () => {
    const file = newFile();
    const id = await detach("slow", file);
    await using whole = side().launch(["attach", id]);
    await using rest = side().launch(["attach", "--follow", id]);
    expect(await whole.firstLine()).toBe("begun");
    await Bun.write(file, "");
    expect(await whole.ended()).toMatchObject({ stdout: "done\n", exitCode: 4 });
    expect((await rest.ended()).exitCode).toBe(4);
  });

  test("wait gives the exit code of one call, and of several 0 only if all are 0", async () => {
    const [bad, good] = [await detach("quick"), await detach("fine")];
    expect(await side().run(["wait", bad])).toMatchObject({ stdout: "", exitCode: 7 });
    expect(await side().run(["wait", good])).toMatchObject({ stdout: "", exitCode: 0 });
    expect(await side().run(["wait", good, bad])).toMatchObject({
      stdout: `${good}: exit code 0\n${bad}: exit code 7\n`,
      exitCode: 1,
    });
    expect((await side().run(["wait", good, good])).exitCode).toBe(0);
  });

  test("signal reaches the command, and cancel ends it", async () => {
    const [first, second] = [await detach("caught"), await detach("caught")];
    await using attached = side().launch(["attach", first]);
    expect(await attached.firstLine()).toBe("ready");
    expect(await side().run(["signal", first, "USR1"])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await attached.ended()).toMatchObject({ stdout: "got it\n", exitCode: 3 });
    expect(await side().run(["cancel", second])).toMatchObject({
      stdout: "Cancelled: ended by SIGTERM\n",
      exitCode: 0,
    });
    const again = await side().run(["cancel", second]);
    expect(again.stderr).toStartWith(`negotiator: The call "${second}" has ended already\n`);
    expect(again.exitCode).toBe(1);
  });

  test("calls lists it on both sides, with its direction, its user and its end", async () => {
    const id = await detach("quick");
    await side().run(["wait", id]);
    const rowOf = async (at: Side) => {
      const { stdout } = await at.run(["calls", "--json"]);
      const rows = stdout
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line));
      return rows.find((row) => Object(row).id === id);
    };
    const row = { command: "quick", state: "finished", exitCode: 7, caller: { uid: process.getuid?.() } };
    expect(await rowOf(side())).toMatchObject({ ...row, direction: "out" });
    expect(await rowOf(other())).toMatchObject({ ...row, direction: "in" });
    const { stdout: table } = await side().run(["calls"]);
    expect(table).toMatch(new RegExp(`^${id} +out .* quick +\\d+ s ago +exit code 7$`, "m"));
    expect(table).toStartWith("CALL ");
  });

  test("root of the side that runs it can attach too, at the same time, and cancel it", async () => {
    const id = await detach("caught");
    await using attached = other().launch(["attach", id]);
    await using second = side().launch(["attach", id]);
    for (const each of [attached, second]) expect(await each.firstLine()).toBe("ready");
    expect((await other().run(["cancel", id])).stdout).toBe("Cancelled: ended by SIGTERM\n");
    for (const each of [attached, second]) expect((await each.ended()).exitCode).toBe(143);
  });

  test("an unknown id is refused, and the remedy names calls", async () => {
    for (const words of [["attach"], ["wait"], ["cancel"]]) {
      const { stderr, exitCode } = await side().run([...words, "no-such-call"]);
      expect(stderr).toStartWith('negotiator: There is no detached call "no-such-call" of yours\n');
      expect(stderr).toContain("subcommand calls");
      expect(exitCode).not.toBe(0);
    }
  });

  test("a command that cannot be started: the error and the exit code are those of execute", async () => {
    const { stdout, stderr, exitCode } = await side().run(["execute", "--detach", ...target, "missing"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 127 });
    expect(stderr).toContain('Cannot run "missing"');
  });

  test("--keep sets the time, and needs --detach", async () => {
    const { stdout } = await side().run(["execute", "-d", "--keep", "0", ...target, "fine"]);
    const id = stdout.trim();
    await until("it is forgotten", async () => (await side().run(["wait", id])).exitCode !== 0);
    const wrong = await side().run(["execute", "--keep", "5", ...target, "fine"]);
    expect(wrong.stderr).toStartWith("negotiator: --keep needs a detached call");
    expect(wrong.exitCode).toBe(2);
  });
});

describe.each(CALLERS)("execute --detach-on-hangup %s", (_, { side, target }) => {
  const words = (...line: string[]): string[] => ["execute", "--detach-on-hangup", ...target, ...line];

  test("gives the output and the exit code of a command that ends before", async () => {
    expect(await side().run(words("quick"))).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 7 });
  });

  test.each(["SIGHUP", "SIGKILL"] as const)(
    "after %s the command goes on, and can be attached to",
    async (name) => {
      const file = newFile();
      await using call = side().launch(words("slow", file));
      expect(await call.firstLine()).toBe("begun");
      call.kill(name);
      const { exitCode } = await call.ended();
      expect(exitCode).toBe(name === "SIGHUP" ? 129 : 137);
      const { stdout } = await side().run(["calls", "--json"]);
      const running = stdout.split("\n").find((row) => row.includes('"running"') && row.includes('"slow"'));
      const { id } = Object(JSON.parse(running ?? "{}"));
      await Bun.write(file, "");
      expect(await side().run(["attach", String(id)])).toMatchObject({
        stdout: "begun\ndone\n",
        exitCode: 4,
      });
    },
  );

  test("SIGUSR1 goes to the command, and a second SIGTERM cancels it", async () => {
    await using first = side().launch(words("caught"));
    expect(await first.firstLine()).toBe("ready");
    first.kill("SIGUSR1");
    expect(await first.ended()).toMatchObject({ stdout: "got it\n", exitCode: 3 });
    await using second = side().launch(words("deaf"));
    expect(await second.firstLine()).toBe("ready");
    second.kill("SIGTERM");
    second.kill("SIGTERM");
    await second.ended();
    await until("the command is gone", async () => {
      const { stdout } = await side().run(["calls", "--json"]);
      return !stdout.split("\n").some((row) => row.includes('"deaf"') && row.includes('"running"'));
    });
  });
});

test("a detached call goes on while the daemon that asked for it is restarted", async () => {
  const file = newFile();
  const { stdout } = await stage.host.run(["execute", "--detach", "web1", "slow", file]);
  const id = stdout.trim();
  stage.host.daemon.kill("SIGTERM");
  await stage.host.daemon.exited;
  await stage.host.start();
  await stage.open();
  await Bun.write(file, "");
  expect(await stage.host.run(["attach", id])).toMatchObject({ stdout: "begun\ndone\n", exitCode: 4 });
});

test("a detached call goes on after the daemon that asked for it was killed", async () => {
  const file = newFile();
  const { stdout } = await stage.host.run(["execute", "--detach", "web1", "slow", file]);
  const id = stdout.trim();
  stage.host.daemon.kill("SIGKILL");
  await stage.host.daemon.exited;
  await stage.host.start();
  await stage.open();
  await Bun.write(file, "");
  expect(await stage.host.run(["attach", id])).toMatchObject({ stdout: "begun\ndone\n", exitCode: 4 });
});
