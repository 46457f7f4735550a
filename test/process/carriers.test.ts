/** Carriers of the bytes of commands with another user: they start with the first byte, or ahead. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { startAllCarriers } from "../../src/process/carriers.ts";
import { run } from "../../src/process/run.ts";
import { createCapturingSink, runScript } from "../support/captured-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const IS_ROOT = process.getuid?.() === 0;
/** No other process of this machine has this id. */
const USER = { uid: 64_779, gid: 64_779, groups: [] };

type Process = { pid: number; name: string };

/** Returns the children of this process that run. */
function children(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    const [, comm = "", state, parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(readStat(name)) ?? [];
    return Number(parent) === process.pid && state !== "Z" ? [{ pid: Number(name), name: comm }] : [];
  });
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return "";
  }
}

const named = (name: string): Process[] => children().filter((child) => child.name === name);

/** Starts a script under a new path, so that nothing is known about its streams. */
async function startScript(lines: string, stdin: AsyncIterable<Uint8Array> | null = null) {
  const directory = await createTemporaryDirectory();
  const path = await directory.write("script", `#!/bin/sh\n${lines}\n`);
  Bun.spawnSync(["chmod", "-R", "a+rx", directory.path]);
  const stdout = createCapturingSink();
  const stderr = createCapturingSink();
  const options = {
    argv: [path],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    user: USER,
    timeoutMs: 30_000,
  } as const;
  const start = () => run({ ...options, stdin, stdout, stderr });
  return {
    directory,
    start,
    stdout,
    stderr,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function pipeCount(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) => link.startsWith("pipe:")).length;
}

async function* wordsLater(when: Promise<unknown> = Bun.sleep(20)): AsyncGenerator<Uint8Array> {
  await when;
  yield Buffer.from("some words");
}

describe.if(IS_ROOT)("a command with another user", () => {
  test("that writes nothing starts no carrier, and its end is noticed", async () => {
    await using script = await startScript(
      'while [ -e "$0" ] && [ ! -e "$0-end" ]; do sleep 0.02; done; exit 3',
    );
    const before = new Set(named("cat").map(({ pid }) => pid));
    const running = script.start();
    await until("it runs", () => named("script").length + named("sh").length > 0);
    expect(named("cat").filter(({ pid }) => !before.has(pid))).toEqual([]);
    await script.directory.write("script-end", "");
    expect(await running).toMatchObject({ exitCode: 3, endedBy: "command" });
  });

  test("gets its input and writes on both outputs, the first time and later", async () => {
    await using script = await startScript("cat; echo wrong >/dev/stderr", wordsLater());
    expect(await script.start()).toMatchObject({ exitCode: 0, inputBytes: 10 });
    expect([script.stdout.text(), script.stderr.text()]).toEqual(["some words", "wrong\n"]);
    const { stdout } = await runScript("cat; cat", { user: USER, stdin: wordsLater() });
    const again = await runScript("cat; cat", { user: USER, stdin: wordsLater() });
    expect([stdout, again.stdout]).toEqual(["some words", "some words"]);
  });

  test("that waits for the end of an empty input gets it", async () => {
    await using script = await startScript("cat; echo end", new Blob([]).stream());
    expect(await script.start()).toMatchObject({ exitCode: 0, endedBy: "command" });
    expect(script.stdout.text()).toBe("end\n");
  });

  test("that writes after all carriers had to start loses nothing", async () => {
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    await using script = await startScript("read -r line; echo $line; echo wrong >&2", wordsLater(started));
    const running = script.start();
    await until("it runs", () => named("script").length + named("sh").length > 0);
    startAllCarriers();
    start();
    expect(await running).toMatchObject({ exitCode: 0 });
    expect([script.stdout.text(), script.stderr.text()]).toEqual(["some words\n", "wrong\n"]);
  });

  test("that leaves a process with its pipes leaves no pipe open here", async () => {
    await runScript("exit 0", { user: USER });
    const before = pipeCount();
    for (let call = 0; call < 3; call++) {
      const { result } = await runScript("sleep 2 & exit 0", { user: USER, drainMs: 20 });
      expect(result.exitCode).toBe(0);
    }
    await until("all are closed", () => pipeCount() <= before);
  });
});
