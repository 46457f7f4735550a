/** Freezes a real ext4 file system, which also has the audit and the log of the agent that freezes it. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmod, open, readFile, writeFile } from "node:fs/promises";
import { connectAgent, launchAgent } from "../support/agent-client.ts";
import type { AgentClient } from "../support/agent-client.ts";
import { leaveOut } from "../support/leave-out.ts";
import { launchDaemon } from "../support/program.ts";
import type { Daemon } from "../support/program.ts";
import { runProcess } from "../support/program-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const NAME = "a frozen file system";
const IMAGE_BYTES = 24 * 1024 * 1024;
const PATHS = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** A directory with a mounted file system; undefined where this machine cannot mount one. */
async function mountImage(): Promise<
  { stack: AsyncDisposableStack; directory: TemporaryDirectory } | undefined
> {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await createTemporaryDirectory());
  const mounted = directory.at("mounted");
  const image = await directory.write("image", "");
  await using file = await open(image, "r+");
  await file.truncate(IMAGE_BYTES);
  const lines = [
    ["mkfs.ext4", "-q", image],
    ["mkdir", mounted],
    ["mount", "-o", "loop", image, mounted],
  ];
  for (const line of lines) {
    const { exitCode } = await runProcess(line, PATHS).catch(() => ({ exitCode: 1 }));
    if (exitCode === 0) continue;
    await stack.disposeAsync();
    return undefined;
  }
  stack.defer(async () => {
    await runProcess(["fsfreeze", "--unfreeze", mounted], PATHS);
    await runProcess(["umount", "--lazy", mounted], PATHS);
  });
  return { stack, directory };
}

const qemuGa = Bun.which("qemu-ga", PATHS);
const mounted = await mountImage();
if (mounted === undefined)
  leaveOut(NAME, `Left out: "${NAME}": this machine cannot mount an ext4 image (run as root)`, () =>
    body(undefined),
  );
else describe(NAME, () => body(mounted));

type Bench = AsyncDisposable & { agent: Daemon; client: AgentClient; socket: string };

/** Requests before, in and after a freeze. Refusals of a frozen agent have newer words here. */
const FREEZE_STEPS = (list: object): readonly (readonly [command: string, args?: object])[] => [
  ["guest-fsfreeze-status"],
  ["guest-fsfreeze-freeze-list", list],
  ["guest-fsfreeze-status"],
  ["guest-ping"],
  ["guest-sync", { id: 5 }],
  ["guest-fsfreeze-thaw"],
  ["guest-fsfreeze-status"],
  ["guest-fsfreeze-thaw"],
  ["guest-fsfreeze-freeze-list", { mountpoints: [] }],
  ["guest-fsfreeze-status"],
];

async function statusOf({ client }: Bench): Promise<unknown> {
  return (await client.ask("guest-fsfreeze-status")).return;
}

async function run(line: string): Promise<void> {
  const { exitCode, stderr } = await runProcess(["/bin/sh", "-c", line], PATHS);
  if (exitCode !== 0) throw new Error(`${line}: ${stderr}`);
}

/** Starts a process that writes to a file system. */
function spawnWriter(path: string) {
  return Bun.spawn(["/bin/sh", "-c", `echo text > "${path}/written"`], { stdout: "ignore" });
}

function body(given: typeof mounted): void {
  afterAll(() => given?.stack.disposeAsync());
  const { directory } = given ?? { directory: undefined };
  const at = (name: string): string => directory?.at(name) ?? "";
  const place = at("mounted");
  const list = { mountpoints: [place] };

  /** Starts an agent whose audit is on the file system. */
  async function start(seconds: number, hook = ""): Promise<Bench> {
    const socket = at("agent.sock");
    const agent = launchAgent(
      ["-m", "unix-listen", "-p", socket, "-t", at(""), ...(hook === "" ? [] : [`-F${hook}`])],
      {
        NEGOTIATOR_GUEST_FREEZE_SECONDS: String(seconds),
        NEGOTIATOR_AUDIT_FILE: `${place}/audit.jsonl`,
        NEGOTIATOR_DETACHED_DIRECTORY: `${place}/detached`,
      },
    );
    const client = await connectAgent(socket);
    return {
      agent,
      client,
      socket,
      async [Symbol.asyncDispose]() {
        client[Symbol.dispose]();
        await agent[Symbol.asyncDispose]();
      },
    };
  }

  /** Writes to the file system in another process. */
  function startWriter(): { isDone: () => boolean; done: Promise<number> } {
    const child = spawnWriter(place);
    return { isDone: () => child.exitCode !== null, done: child.exited };
  }

  test("a writer waits for the thaw, and the agent goes on, though its audit is there", async () => {
    await using bench = await start(600);
    const { client } = bench;
    expect(await client.ask("guest-fsfreeze-freeze-list", list)).toEqual({ return: 1 });
    expect(await statusOf(bench)).toBe("frozen");
    const writer = startWriter();
    for (const command of ["guest-get-load", "guest-fsfreeze-freeze", "guest-shutdown"])
      expect((await client.ask(command)).error?.class).toBe("CommandNotFound");
    const { return: info } = await client.ask("guest-info");
    const commands: { name: string; enabled: boolean }[] = Object(info).supported_commands;
    expect(commands.filter(({ enabled }) => enabled).map(({ name }) => name)).toEqual([
      "guest-sync",
      "guest-sync-delimited",
      "guest-ping",
      "guest-info",
      "guest-fsfreeze-status",
      "guest-fsfreeze-thaw",
    ]);
    expect(writer.isDone()).toBe(false);
    expect(await client.ask("guest-fsfreeze-thaw")).toEqual({ return: 1 });
    expect(await writer.done).toBe(0);
    expect(await statusOf(bench)).toBe("thawed");
    // The lines that waited in memory.
    await until("the audit has them", async () =>
      (await readFile(`${place}/audit-denied.jsonl`, "utf8")).includes('"guest-shutdown"'),
    );
  });

  test.skipIf(qemuGa === null)("the QEMU guest agent has the same answers around a freeze", async () => {
    const socket = at("their.sock");
    const words = ["-m", "unix-listen", "-p", socket, "-t", at(""), "-f", at("pid")];
    await using bench = await start(600);
    await using _ = launchDaemon(words, PATHS, [qemuGa ?? ""]);
    using theirs = await connectAgent(socket);
    const answers = [];
    for (const client of [theirs, bench.client]) {
      const replies: unknown[] = [];
      for (const [command, args] of FREEZE_STEPS(list)) replies.push(await client.ask(command, args));
      answers.push(replies);
    }
    expect(answers[1]).toEqual(answers[0]);
  });

  test("an agent that is killed leaves a freeze that the next one knows, and thaws", async () => {
    const first = await start(600);
    expect(await first.client.ask("guest-fsfreeze-freeze-list", list)).toEqual({ return: 1 });
    await first[Symbol.asyncDispose]();
    const writer = startWriter();
    await using second = await start(600);
    expect(await statusOf(second)).toBe("frozen");
    expect((await second.client.ask("guest-get-load")).error?.class).toBe("CommandNotFound");
    expect(writer.isDone()).toBe(false);
    expect(await second.client.ask("guest-fsfreeze-thaw")).toEqual({ return: 1 });
    expect(await writer.done).toBe(0);
  });

  test("a freeze of a killed agent ends by itself after the set time, and the hook is called", async () => {
    const calls = at("hook-calls");
    await writeFile(calls, "");
    const hook = at("hook");
    await writeFile(hook, `#!/bin/sh\necho "$1" >> "${calls}"\n`);
    await chmod(hook, 0o755);
    const bench = await start(2, hook);
    expect(await bench.client.ask("guest-fsfreeze-freeze-list", list)).toEqual({ return: 1 });
    await bench[Symbol.asyncDispose]();
    const writer = startWriter();
    expect(writer.isDone()).toBe(false);
    expect(await writer.done).toBe(0);
    await until("the hook was called", async () => (await readFile(calls, "utf8")) === "freeze\nthaw\n");
  });

  test("a freeze of a stopped agent ends by itself, and the agent can freeze again", async () => {
    await using bench = await start(2);
    expect(await bench.client.ask("guest-fsfreeze-freeze-list", list)).toEqual({ return: 1 });
    bench.agent.kill("SIGSTOP");
    try {
      const writer = startWriter();
      expect(writer.isDone()).toBe(false);
      expect(await writer.done).toBe(0);
    } finally {
      bench.agent.kill("SIGCONT");
    }
    await until("it is thawed", async () => (await statusOf(bench)) === "thawed");
    expect(await bench.client.ask("guest-fsfreeze-freeze-list", list)).toEqual({ return: 1 });
    expect(await bench.client.ask("guest-fsfreeze-thaw")).toEqual({ return: 1 });
  });

  test("a file system that hangs in its freeze does not keep the others frozen", async () => {
    const [outer, inner, other] = [at("outer"), at("inner"), at("other")];
    const mount = async (image: string, path: string): Promise<void> => {
      await run(`truncate -s 8M "${image}" && mkfs.ext4 -q "${image}" && mkdir "${path}"`);
      await run(`mount -o loop "${image}" "${path}"`);
    };
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      for (const path of [outer, inner, other]) await runProcess(["fsfreeze", "--unfreeze", path], PATHS);
      await runProcess(["umount", other, inner, outer], PATHS);
    });
    await mount(at("outer-image"), outer);
    await run(`truncate -s 2M "${outer}/image" && mkfs.ext4 -q "${outer}/image" && mkdir "${inner}"`);
    await run(`mount -o loop "${outer}/image" "${inner}"`);
    // The newest one is frozen first.
    await mount(at("other-image"), other);
    await using bench = await start(3);
    // The inner one cannot write to its image now.
    await run(`sync; echo text > "${inner}/unwritten"; fsfreeze --freeze "${outer}"`);
    const { error } = await bench.client.ask("guest-fsfreeze-freeze-list", { mountpoints: [inner, other] });
    expect(error?.desc).toContain(`failed to freeze ${inner}`);
    expect(await spawnWriter(other).exited).toBe(0);
    expect(await statusOf(bench)).toBe("thawed");
    await run(`fsfreeze --unfreeze "${outer}"`);
    expect(await spawnWriter(inner).exited).toBe(0);
  });

  test("SIGTERM thaws, and the agent ends with exit code 0", async () => {
    await using bench = await start(600);
    expect(await bench.client.ask("guest-fsfreeze-freeze-list", list)).toEqual({ return: 1 });
    const writer = startWriter();
    bench.agent.kill("SIGTERM");
    expect(await bench.agent.exited).toBe(0);
    expect(await writer.done).toBe(0);
  });

  test("a hook that fails ends the freeze before it begins, and is called again for the thaw", async () => {
    const calls = at("failing-calls");
    await writeFile(calls, "");
    const hook = at("failing-hook");
    await writeFile(hook, `#!/bin/sh\necho "$1" >> "${calls}"\n[ "$1" = thaw ]\n`);
    await chmod(hook, 0o755);
    await using bench = await start(600, hook);
    const { error } = await bench.client.ask("guest-fsfreeze-freeze-list", list);
    expect(error?.class).toBe("GenericError");
    expect(error?.desc).toContain("hook");
    expect(await statusOf(bench)).toBe("thawed");
    expect(await startWriter().done).toBe(0);
    expect(await readFile(calls, "utf8")).toBe("freeze\nthaw\n");
  });
}
