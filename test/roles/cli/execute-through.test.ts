/** `execute` through both daemons: streams, exit codes, errors and interrupts of remote commands. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { listGroup } from "../../support/captured-run.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(180_000);
/** On a busy machine a call starts late, so the deadline that passes is not short. */
const SECONDS = "6";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  for (const side of [stage.host, stage.guest()]) await plant(side);
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Shell scripts that are commands on both sides. */
const SCRIPTS = {
  end: 'exit "$1"',
  die: 'kill -"$1" $$',
  echo: String.raw`for word; do printf '[%s]' "$word"; done`,
  copy: "exec cat",
  count: "exec wc -c",
  both: "echo out; echo err >&2; exit 5",
  bytes: String.raw`printf '\377\376\000\303\050\200\n\355\240\200'`,
  halves: String.raw`printf 'gr\303'; sleep 0.1; printf '\274n'`,
  deaf: "exec 0<&-; echo deaf; sleep 0.1; exit 4",
  env: "env | sort",
  sleeper: "echo $$; sleep 600 & sleep 600",
  waiter: "echo $$; sleep 600; sleep 600",
  graceful: "trap 'echo ended by INT; exit 7' INT; echo ready; while :; do sleep 0.05; done",
  parent: "sleep 600 & echo $!; exit 6",
} as const;

async function plant(side: Side): Promise<void> {
  for (const [name, script] of Object.entries(SCRIPTS)) await side.command(name, `#!/bin/sh\n${script}\n`);
  await side.command("plain", "#!/bin/sh\n", 0o644);
  await side.command("bare", "echo no shell reads this\n");
}

/** Each test runs both ways: from the host to a guest, and from a guest to its host. */
const WAYS: [string, () => { caller: Side; served: Side; to: string[] }][] = [
  ["host to guest", () => ({ caller: stage.host, served: stage.guest(), to: ["web1"] })],
  ["guest to host", () => ({ caller: stage.guest(), served: stage.host, to: [] })],
];

describe.each(WAYS)("execute, %s", (from, way) => {
  const execute = (words: string[], options = {}) => {
    const { caller, to } = way();
    return caller.run(["execute", ...to, ...words], options);
  };

  test.each([
    [["end", "0"], 0],
    [["end", "7"], 7],
    [["end", "255"], 255],
    [["die", "TERM"], 128 + 15],
    [["die", "KILL"], 128 + 9],
    [["die", "HUP"], 128 + 1],
    [["die", "ABRT"], 128 + 6],
  ])(`%j gives the exit code %d, ${from}`, async (words, exitCode) => {
    expect(await execute(words)).toMatchObject({ exitCode, stdout: "", stderr: "" });
  });

  test(`stdout and stderr of a command arrive at ours, ${from}`, async () => {
    expect(await execute(["both"])).toMatchObject({ exitCode: 5, stdout: "out\n", stderr: "err\n" });
  });

  test.each([
    [["a b", "'c' \"d\"", "", "\\", "$HOME `id`; |&", "*", "\n", "grün 🦀", "\u001b[31m"]],
    [["--help", "-v", "--json", "-t", "0", "--", "-"]],
    [["--"]],
  ])(`the arguments %j arrive unchanged, ${from}`, async (args) => {
    const expected = args.map((arg) => `[${arg}]`).join("");
    expect(await execute(["echo", ...args])).toMatchObject({ exitCode: 0, stdout: expected, stderr: "" });
  });

  test(`binary output arrives byte for byte, ${from}`, async () => {
    const { exitCode, output } = await execute(["bytes"]);
    expect({ exitCode, output: [...output] }).toEqual({
      exitCode: 0,
      output: [0xff, 0xfe, 0, 0xc3, 0x28, 0x80, 0x0a, 0xed, 0xa0, 0x80],
    });
    expect(await execute(["halves"])).toMatchObject({ exitCode: 0, stdout: "grün" });
  });

  test(`binary, text and empty input arrive whole, ${from}`, async () => {
    const input = Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * 7919) >> 3);
    const { exitCode, output } = await execute(["copy"], { stdin: input });
    expect({ exitCode, isSame: Buffer.compare(output, input) }).toEqual({ exitCode: 0, isSame: 0 });
    expect(await execute(["copy"], { stdin: "grün\n" })).toMatchObject({ exitCode: 0, stdout: "grün\n" });
    expect(await execute(["count"], { stdin: "" })).toMatchObject({ exitCode: 0, stdout: "0\n" });
  });

  test.each(["-n", "--no-stdin"])(`a command gets no input with %s, ${from}`, async (option) => {
    const { caller, to } = way();
    await using running = caller.launch(["execute", option, ...to, "count"], { isOpen: true });
    await running.feed("for another program");
    expect(await running.ended()).toMatchObject({ exitCode: 0, stdout: "0\n", stderr: "" });
  });

  test(`a command that closes its input early keeps its output and exit code, ${from}`, async () => {
    const input = new Uint8Array(2_000_000);
    expect(await execute(["deaf"], { stdin: input })).toMatchObject({ exitCode: 4, stdout: "deaf\n" });
  });

  test(`a command ends while our stdin stays open, ${from}`, async () => {
    const { caller, to } = way();
    await using running = caller.launch(["execute", ...to, "end", "9"], { isOpen: true });
    expect(await running.ended()).toMatchObject({ exitCode: 9, stderr: "" });
  });

  test(`a command gets a clean environment without the caller's variables, ${from}`, async () => {
    const { served } = way();
    const { stdout } = await execute(["env"], { env: { SECRET: "1", LD_PRELOAD: "" } });
    const names = stdout.split("\n").map((line) => line.split("=")[0]);
    const guest = served.role === "host" ? ["NEGOTIATOR_GUEST"] : [];
    // The shell itself sets PWD.
    expect(names.filter((name) => name !== "" && name !== "PWD")).toEqual([
      "HOME",
      "LANG",
      "LOGNAME",
      "NEGOTIATOR_CALL_ID",
      "NEGOTIATOR_COMMAND",
      ...guest,
      "NEGOTIATOR_ROLE",
      "PATH",
      "SHELL",
      "USER",
    ]);
    expect(stdout).toContain(`NEGOTIATOR_ROLE=${served.role}\n`);
    expect(stdout).toContain("NEGOTIATOR_COMMAND=env\n");
    expect(stdout.includes("NEGOTIATOR_GUEST=web1\n")).toBe(served.role === "host");
  });

  test.each([
    [["hallo"], 127, "it is not a command of negotiator"],
    [["cop"], 127, 'Did you mean "copy"?'],
    [["../bin/sh"], 127, "a command is called by its name, not by a path"],
    [["/bin/sh"], 127, "a command is called by its name, not by a path"],
    [[""], 125, "command"],
    [["\u001b[31mred"], 127, 'Cannot run "\\x1b[31mred"'],
    [["plain"], 126, "plain"],
    [["bare"], 126, "#!"],
  ])(`%j is refused with exit code %d, ${from}`, async (words, exitCode, part) => {
    const ended = await execute(words);
    expect(ended).toMatchObject({ exitCode, stdout: "" });
    expect(ended.stderr).toStartWith("negotiator: ");
    expect(ended.stderr).toContain(part);
    expect(ended.stderr).not.toContain("\u001b");
  });

  test(`over 4096 arguments or 262144 bytes of them exit with 125, ${from}`, async () => {
    const many = Array.from({ length: 4096 }, (_, index) => `${index}`);
    expect((await execute(["echo", ...many])).stdout).toBe(many.map((word) => `[${word}]`).join(""));
    const tooMany = await execute(["echo", ...many, "x"]);
    expect(tooMany).toMatchObject({ exitCode: 125, stdout: "", stderr: expect.stringContaining("4096") });
    const tooLong = await execute(["echo", ...["x", "y", "z"].map((letter) => letter.repeat(100_000))]);
    expect(tooLong.stderr.length).toBeLessThan(1000);
    expect(tooLong).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining("more than 262144 bytes of arguments"),
    });
  });

  test.each([
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
    ["SIGQUIT", 3],
  ] as const)(
    `%s ends the remote command and gives the exit code 128 + %d, ${from}`,
    async (signal, number) => {
      const { caller, to } = way();
      await using running = caller.launch(["execute", "-t", "0", ...to, "waiter"]);
      const group = Number(await running.firstLine());
      running.kill(signal);
      expect(await running.exited).toBe(128 + number);
      expect(running.signal()).toBe(signal);
      await until("the command and its child have ended", async () => (await listGroup(group)).length === 0);
    },
  );

  test(`a command that handles SIGINT chooses its output and exit code, ${from}`, async () => {
    const { caller, to } = way();
    await using running = caller.launch(["execute", "-t", "0", ...to, "graceful"]);
    expect(await running.firstLine()).toBe("ready");
    running.kill("SIGINT");
    const { exitCode, output } = await running.ended();
    expect({ exitCode, output: output.toString() }).toEqual({ exitCode: 7, output: "ended by INT\n" });
  });

  test(`SIGUSR1 reaches the remote command, and the call goes on, ${from}`, async () => {
    const { caller, served, to } = way();
    const script = "trap 'echo one; exit 4' USR1\necho ready\nwhile :; do sleep 0.05; done\n";
    await served.command("counter", `#!/bin/sh\n${script}`);
    await using running = caller.launch(["execute", "-t", "0", ...to, "counter"]);
    expect(await running.firstLine()).toBe("ready");
    running.kill("SIGUSR1");
    const { exitCode, output } = await running.ended();
    expect({ exitCode, output: output.toString() }).toEqual({ exitCode: 4, output: "one\n" });
  });

  test(`closing our stdout ends the remote command and our exit code is 141, ${from}`, async () => {
    const { caller, served, to } = way();
    await served.command("endless", "#!/bin/sh\necho $$\nexec yes\n");
    await using running = caller.launch(["execute", "-t", "0", ...to, "endless"]);
    const group = Number(await running.firstLine());
    expect(await listGroup(group)).toEqual([group]);
    await running.closeOutput();
    expect(await running.exited).toBe(128 + 13);
    await until("the command has ended", async () => (await listGroup(group)).length === 0);
  });
});

describe.concurrent("slow calls", () => {
  test.each(WAYS)("a deadline ends the command and its children with exit code 124, %s", async (_, way) => {
    const { caller, to } = way();
    const ended = await caller.run(["execute", "-t", SECONDS, ...to, "sleeper"]);
    expect(ended).toMatchObject({ exitCode: 124 });
    expect(ended.stdout).toMatch(/^\d+\n$/);
    expect(await listGroup(Number(ended.stdout))).toEqual([]);
  });

  test("a child that keeps the output open holds the call for some seconds only", async () => {
    const ended = await stage.host.run(["execute", "web1", "parent"]);
    expect(ended).toMatchObject({ exitCode: 6, stderr: "" });
    expect(ended.stdout).toMatch(/^\d+\n$/);
    process.kill(Number(ended.stdout), "SIGKILL");
    expect(ended.durationMs).toBeGreaterThan(4500);
  });

  test.each(WAYS)("a command that ignores SIGINT is cancelled five seconds later, %s", async (_, way) => {
    const { caller, served, to } = way();
    await served.command("unmoved", "#!/bin/sh\ntrap '' INT\necho $$\nwhile :; do sleep 0.05; done\n");
    await using running = caller.launch(["execute", "-t", "0", ...to, "unmoved"]);
    const group = Number(await running.firstLine());
    const startMs = performance.now();
    running.kill("SIGINT");
    expect(await running.exited).toBe(128 + 2);
    expect(performance.now() - startMs).toBeGreaterThan(4900);
    await until("the command is cancelled", async () => (await listGroup(group)).length === 0);
  });

  test("a second interrupt ends our side at once, and the stubborn command is killed", async () => {
    const script = "trap '' TERM INT\necho $$\nwhile :; do sleep 0.05; done";
    await stage.guest().command("stubborn", `#!/bin/sh\n${script}\n`);
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "stubborn"]);
    const group = Number(await running.firstLine());
    // Two pending signals of one kind become one, so these differ.
    running.kill("SIGINT");
    running.kill("SIGTERM");
    expect([128 + 2, 128 + 15]).toContain(await running.exited);
    await until("the command is killed", async () => (await listGroup(group)).length === 0);
  });
});
