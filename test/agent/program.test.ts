/** The program under the name of the QEMU guest agent, and the guest's daemon with `--qga-port`. */
import { expect, test } from "bun:test";
import { chmod, readFile, writeFile } from "node:fs/promises";
import type { AgentReply } from "../support/agent-client.ts";
import { connectAgent, launchAgent } from "../support/agent-client.ts";
import { launchDaemon, PROGRAM } from "../support/program.ts";
import { runProcess } from "../support/program-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const RENAMED = ["/bin/bash", "-c", 'exec -a qemu-ga "$0" "$@"', ...PROGRAM];
const run = (words: readonly string[], env: Record<string, string> = {}) =>
  runProcess([...RENAMED, ...words], { QGA_CONF: "/dev/null", ...env });
const envOf = (directory: TemporaryDirectory): Record<string, string> => ({
  NEGOTIATOR_AUDIT_FILE: directory.at("audit.jsonl"),
  NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
});

test("-D prints the options of QGA_CONF, and -b help all commands", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("conf", "[general]\nmethod=unix-listen\npath=/x\n");
  const printed = await run(["-D", "-v"], { QGA_CONF: file });
  expect(printed).toMatchObject({ exitCode: 0, stderr: "" });
  expect(printed.stdout).toStartWith("[general]\n");
  for (const line of ["method=unix-listen", "path=/x", "verbose=true"])
    expect(printed.stdout).toContain(`${line}\n`);
  const { stdout } = await run(["-b", "help"]);
  expect(stdout.split("\n")).toContain("guest-fsfreeze-thaw");
});

test.each([
  [["--wrong"], 2, 'There is no option "--wrong"'],
  [["-m", "unix-listen"], 2, "The method unix-listen needs a path"],
  [["-p", "/no/such/port"], 1, 'Cannot open port "/no/such/port"'],
])("%j ends with exit code %d", async (words, exitCode, problem) => {
  const ended = await run(words);
  expect(ended.exitCode).toBe(exitCode);
  expect(ended.stderr).toContain(problem);
});

test("a directory in which others may make files cannot have the state of a freeze", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o1777);
  const words = ["-m", "unix-listen", "-p", directory.at("agent.sock"), "-t", directory.path];
  const ended = await run(words);
  expect(ended.exitCode).toBe(2);
  expect(ended.stderr).toContain(`Cannot keep the state of a freeze in "${directory.path}": others may make`);
});

test("-a allows what needs a rule, -b takes away, and QGA_OS_RELEASE replaces the file", async () => {
  await using directory = await createTemporaryDirectory();
  const socket = directory.at("agent.sock");
  const release = await directory.write("os-release", 'ID=made-up\nNAME="Made Up"\n');
  const allowed = "guest-exec,guest-exec-status,guest-get-osinfo,guest-get-time,guest-ping,guest-info";
  await using _ = launchAgent(
    ["-m", "unix-listen", "-p", socket, "-t", directory.path, "-a", allowed, "-b", "guest-get-time"],
    { ...envOf(directory), QGA_OS_RELEASE: release },
  );
  using client = await connectAgent(socket);
  expect(await client.ask("guest-get-osinfo")).toMatchObject({ return: { id: "made-up", name: "Made Up" } });
  expect(await client.ask("guest-exec", { path: "true" })).toEqual({ return: { pid: expect.any(Number) } });
  for (const command of ["guest-get-time", "guest-get-host-name", "guest-sync"])
    expect((await client.ask(command, { id: 1 })).error?.class).toBe("CommandNotFound");
});

test("without a policy, commands that change something are off, and guest-info shows it", async () => {
  await using directory = await createTemporaryDirectory();
  const socket = directory.at("agent.sock");
  await using _ = launchAgent(["-m", "unix-listen", "-p", socket, "-t", directory.path], envOf(directory));
  using client = await connectAgent(socket);
  const { return: info } = await client.ask("guest-info");
  const commands: { name: string; enabled: boolean }[] = Object(info).supported_commands;
  expect(
    commands
      .filter(({ enabled }) => !enabled)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual([
    "guest-exec",
    "guest-file-open",
    "guest-fstrim",
    "guest-set-memory-blocks",
    "guest-set-time",
    "guest-set-user-password",
    "guest-set-vcpus",
    "guest-ssh-add-authorized-keys",
    "guest-ssh-get-authorized-keys",
    "guest-ssh-remove-authorized-keys",
    "guest-suspend-disk",
    "guest-suspend-hybrid",
    "guest-suspend-ram",
  ]);
  const { error } = await client.ask("guest-exec", { path: "/usr/bin/id" });
  expect(error).toEqual({ class: "CommandNotFound", desc: expect.stringContaining("has been disabled") });
});

test("two clients at once are served, though one has sent half a request", async () => {
  await using directory = await createTemporaryDirectory();
  const socket = directory.at("agent.sock");
  await using _ = launchAgent(["-m", "unix-listen", "-p", socket, "-t", directory.path], envOf(directory));
  using torn = await connectAgent(socket);
  torn.send('{"execute":"guest-sync","arguments":{"id":');
  using other = await connectAgent(socket);
  expect(await other.ask("guest-sync", { id: 2 })).toEqual({ return: 2 });
  torn.send("1}}");
  expect(await torn.line()).toBe('{"return": 1}');
  // The byte ends a torn request, and costs one error line.
  torn.send(
    Buffer.from('{"execute":"guest-\u00ff{"execute":"guest-sync-delimited","arguments":{"id":3}}', "latin1"),
  );
  expect(await torn.line()).toContain("JSON parse error, stray");
  expect(await torn.line()).toBe('\u00ff{"return": 3}');
});

test("a client that floods with bytes 0xFF and pings and never reads holds up no other client", async () => {
  await using directory = await createTemporaryDirectory();
  const socket = directory.at("agent.sock");
  await using agent = launchAgent(
    ["-m", "unix-listen", "-p", socket, "-t", directory.path],
    envOf(directory),
  );
  using other = await connectAgent(socket);
  const silent = [];
  for (const bytes of [Buffer.alloc(1 << 20, 0xff), Buffer.from('{"execute":"guest-info"}'.repeat(40_000))]) {
    const client = await Bun.connect({ unix: socket, socket: { data: () => undefined } });
    client.pause();
    client.write(bytes);
    silent.push(client);
  }
  for (let id = 0; id < 20; id++) expect(await other.ask("guest-sync", { id })).toEqual({ return: id });
  const status = await readFile(`/proc/${agent.pid}/status`, "utf8");
  expect(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])).toBeLessThan(300_000);
  for (const client of silent) client.terminate();
  expect(await other.ask("guest-ping")).toEqual({ return: {} });
});

test("half requests of many clients have bounded memory together", async () => {
  await using directory = await createTemporaryDirectory();
  const socket = directory.at("agent.sock");
  const words = ["-m", "unix-listen", "-p", socket, "-t", directory.path];
  await using _ = launchAgent(words, envOf(directory));
  const half = `{"execute":"guest-ping","id":"${"x".repeat(15_000_000)}`;
  await using stack = new AsyncDisposableStack();
  const refused: string[] = [];
  for (let count = 0; count < 3; count++) {
    const client = stack.use(await connectAgent(socket));
    client.send(half);
    client.line().then(
      (line) => refused.push(line),
      () => undefined,
    );
  }
  await until("one of them is refused", () => refused.length > 0);
  expect(refused[0]).toContain("JSON token size limit exceeded");
  using other = await connectAgent(socket);
  expect(await other.ask("guest-ping")).toEqual({ return: {} });
});

test("programs that run are bounded: one more does not start, and the client gets an error", async () => {
  await using directory = await createTemporaryDirectory();
  const socket = directory.at("agent.sock");
  const words = ["-m", "unix-listen", "-p", socket, "-t", directory.path];
  await using _ = launchAgent([...words, "-a", "guest-exec,guest-exec-status,guest-ping"], envOf(directory));
  using client = await connectAgent(socket);
  const pids: number[] = [];
  const start = async (): Promise<AgentReply> => {
    const reply = await client.ask("guest-exec", { path: "sleep", arg: ["1000"] });
    if (reply.error === undefined) pids.push(Number(Object(reply.return).pid));
    return reply;
  };
  try {
    for (let count = 0; count < 64; count++) await start();
    expect(pids).toHaveLength(64);
    const more = await client.ask("guest-exec", { path: "touch", arg: [directory.at("made")] });
    expect(more.error).toEqual({
      class: "GenericError",
      desc: expect.stringContaining("too many programs run"),
    });
    await client.ask("guest-exec-status", { pid: pids[0] });
    expect(await Bun.file(directory.at("made")).exists()).toBe(false);
    const [first = 0] = pids.splice(0, 1);
    process.kill(first, "SIGKILL");
    await until("there is room again", async () => (await start()).error === undefined);
  } finally {
    for (const pid of pids) process.kill(pid, "SIGKILL");
  }
});

test("-d goes to the background, writes the process id, and SIGTERM ends it", async () => {
  await using directory = await createTemporaryDirectory();
  const [socket, pidFile, logFile] = ["agent.sock", "pid", "log"].map((name) => directory.at(name));
  const words = ["-d", "-m", "unix-listen", "-p", socket ?? "", "-f", pidFile ?? "", "-l", logFile ?? ""];
  expect(await run([...words, "-t", directory.path], envOf(directory))).toMatchObject({
    exitCode: 0,
    stderr: "",
  });
  const pid = Number(await readFile(pidFile ?? "", "utf8"));
  using client = await connectAgent(socket ?? "");
  expect(await client.ask("guest-ping")).toEqual({ return: {} });
  expect(await readFile(logFile ?? "", "utf8")).toContain("Listening at");
  process.kill(pid, "SIGTERM");
  await until("it has ended", () => {
    try {
      return process.kill(pid, 0) && false;
    } catch {
      return true;
    }
  });
});

test("the guest's daemon answers each client at --qga-port, and status shows it", async () => {
  await using directory = await createTemporaryDirectory();
  const lines: string[] = [];
  const clients: Bun.Socket[] = [];
  const socket = directory.at("qga.sock");
  const listener = Bun.listen({
    unix: socket,
    socket: {
      open: (client) => void clients.push(client),
      data: (_, bytes) => void lines.push(...Buffer.from(bytes).toString().trimEnd().split("\n")),
    },
  });
  const words = ["guest", "daemon", "--qga-port", socket, "--control", directory.at("guest.sock")];
  await using daemon = launchDaemon(words, {
    ...envOf(directory),
    NEGOTIATOR_GUEST_CHARACTER_DEVICE: directory.at("no-port"),
  });
  await daemon.says("(QEMU guest agent)");
  await until("the daemon has connected", () => clients.length === 1);
  clients[0]?.write('{"execute":"guest-ping"}{"execute":"guest-get-host-name"}');
  await until("both are answered", () => lines.length === 2);
  expect(lines[0]).toBe('{"return": {}}');
  const status = async (...words: string[]): Promise<string> => {
    const line = [...PROGRAM, "guest", "status", "--control", directory.at("guest.sock"), ...words];
    return (await runProcess(line)).stdout;
  };
  const state = { hasClient: true, answered: 2, leftTo: null, frozenSince: null, lastError: null };
  expect(JSON.parse(await status("--json")).qga).toEqual({ device: socket, ...state });
  expect(await status()).toEndWith(`\nqga: open at ${socket}, a client is connected, 2 commands answered\n`);
  clients[0]?.terminate();
  await until("the daemon comes back", () => clients.length === 2);
  clients[1]?.write('{"execute":"guest-sync","arguments":{"id":5}}');
  await until("it is answered", () => lines.length === 3);
  expect(lines[2]).toBe('{"return": 5}');
  const holder = Bun.spawn(["flock", "--no-fork", directory.at("frozen"), "sleep", "1000"]);
  await writeFile(directory.at("frozen"), `${holder.pid} 1\n`);
  await until("the status says that file systems are frozen", async () =>
    /, 3 commands answered, file systems are frozen since 2\S+Z$/m.test(await status()),
  );
  holder.kill();
  await holder.exited;
  listener.stop(true);
});
