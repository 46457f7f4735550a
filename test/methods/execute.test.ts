/** `execute`: the process, its streams, its user and its deadline. Through daemons: test/roles. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { DEFAULT_POLICY, parsePolicy } from "../../src/policy/policy.ts";
import { rejectionOf } from "../support/error-of.ts";
import { withMoreTime } from "../support/more-time.ts";
import { CALLER, plant, readAll, serve } from "../support/served-commands.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(180_000);
/** The second line of a public error. */
const MORE = "Read the log on the host, at the daemon's terminal or with: journalctl -u negotiator-host";

async function executable(directory: TemporaryDirectory, text: string): Promise<string> {
  const path = await directory.write("it", text);
  await chmod(path, 0o755);
  return path;
}

test("a command's exit code, outputs and byte counts reach the caller and the audit", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "both", "cat; echo error >&2; exit 4");
  const { link, lines, execute } = serve(directory);
  await using _ = link;
  const messages: unknown[] = [];
  const call = execute("both", [], { write: ["stdin"] });
  call.listen((name, value) => messages.push({ name, value }));
  await call.writer("stdin").write(Buffer.from("input"));
  call.writer("stdin").end();
  const outputs = await Promise.all([readAll(call.reader("stdout")), readAll(call.reader("stderr"))]);
  const { result, streams } = await call.answer;
  expect(outputs).toEqual(["input", "error\n"]);
  expect(streams).toMatchObject({ stdout: { bytes: 5 }, stderr: { bytes: 6 } });
  expect(messages).toEqual([{ name: "exited", value: { exitCode: 4, signal: null } }]);
  const members = ["durationMs", "endedBy", "exitCode", "inputBytes", "signal"];
  expect(Object.keys(Object(result)).sort()).toEqual(members);
  expect(result).toMatchObject({ exitCode: 4, signal: null, endedBy: "command", inputBytes: 5 });
  await until("the audit has an entry", () => lines.length === 1);
  expect(lines[0]).toMatchObject({ exitCode: 4, bytes: { stdin: 5, stdout: 5, stderr: 6 } });
});

test("the audit's entry of a built-in command has builtin: true and no arguments", async () => {
  await using directory = await createTemporaryDirectory();
  const { link, lines, execute } = serve(directory);
  await using _ = link;
  await execute("built", ["ignored"]).answer;
  await until("the audit has an entry", () => lines.length === 1);
  expect(lines[0]).toMatchObject({ command: "built", exitCode: 0, builtin: true });
  expect(lines[0]?.args).toBeUndefined();
});

test("a command whose caller asks for no streams runs, and reads an empty input", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "loud", "echo out; echo err >&2; exit $(cat | wc -c)");
  const { link, execute } = serve(directory);
  await using _ = link;
  expect((await execute("loud", [], { read: [] }).answer).result).toMatchObject({ exitCode: 0 });
});

test("the command's environment has the guest's name and uuid and the call id", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "who", 'echo "$NEGOTIATOR_GUEST $NEGOTIATOR_GUEST_UUID $NEGOTIATOR_CALL_ID"');
  const { link, execute } = serve(directory);
  await using _ = link;
  const call = execute("who", [], { id: "call-1" });
  expect(await readAll(call.reader("stdout"))).toBe(`${CALLER.name} ${CALLER.uuid} call-1\n`);
});

test.each([
  ["aB3-_.x", /^aB3-_\.x\n$/],
  ["../$(id);`x`'\"|&", /^_\.___id___x_____-[0-9a-f]{32}\n$/],
])("the call id %p becomes %s in the environment", async (id, shown) => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "which", 'echo "$NEGOTIATOR_CALL_ID"');
  const { link, execute } = serve(directory);
  await using _ = link;
  expect(await readAll(execute("which", [], { id }).reader("stdout"))).toMatch(shown);
});

test("a command runs as the policy's user, or else as its own; an unknown user gets BAD_CONFIG", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o755);
  await plant(directory, "own", "id -un; echo $HOME", 'user = "daemon"\n');
  await plant(directory, "free", "id -un; id -G");
  const asOwn = serve(directory);
  await using owned = new AsyncDisposableStack();
  owned.use(asOwn.link);
  expect(await readAll(asOwn.execute("own").reader("stdout"))).toBe("daemon\n/usr/sbin\n");
  const asNobody = serve(directory, parsePolicy('[[rules]]\naction = "allow"\nuser = "nobody"\n'));
  owned.use(asNobody.link);
  expect(await readAll(asNobody.execute("own").reader("stdout"))).toStartWith("nobody\n");
  expect(await readAll(asNobody.execute("free").reader("stdout"))).toBe("nobody\n65534\n");
  const asGhost = serve(directory, parsePolicy('[[rules]]\naction = "allow"\nuser = "no-such-user"\n'));
  owned.use(asGhost.link);
  expect(await rejectionOf(asGhost.execute("free").answer)).toMatchObject({
    code: "BAD_CONFIG",
    message: `Cannot run "free": the user it is to run as cannot be found\n${MORE}`,
  });
  await until("the audit has an entry", () => asGhost.lines.length === 1);
  expect(asGhost.lines[0]?.problem).toStartWith(
    'Cannot use rule 1 of the policy: Cannot find the user "no-such-user": ',
  );
});

describe("a command that cannot be started", () => {
  const CASES: [string, (directory: TemporaryDirectory) => Promise<string>, string, string][] = [
    [
      "no executable bit",
      async (directory) => directory.write("it", "#!/bin/sh\n"),
      "it has no executable bit",
      "Set it with: chmod 755 ",
    ],
    [
      "no interpreter",
      async (directory) => executable(directory, "#!/no/such/interpreter\n"),
      "its interpreter is missing",
      '"/no/such/interpreter" is missing',
    ],
    [
      "no #! line",
      async (directory) => executable(directory, "echo\n"),
      'it has no "#!" line that names its interpreter',
      "Add a first line such as: #!/bin/sh",
    ],
  ];

  test.each(CASES)(
    "%s: the caller gets a public reason, log and audit get the path and the remedy",
    async (_what, plantIt, reason, detail) => {
      await using directory = await createTemporaryDirectory();
      const path = await plantIt(directory);
      const { link, lines, execute } = serve(directory);
      await using _ = link;
      const { result: error, stderr } = await spyOnOutput(async () => {
        const refused = await rejectionOf(execute("it").answer);
        await until("the audit has an entry", () => lines.length === 1);
        return refused;
      });
      expect(error.code).toBe("NOT_EXECUTABLE");
      expect(error.message).toBe(`Cannot run "it": ${reason}\n${MORE}`);
      const [{ problem = "" } = {}] = lines;
      expect(problem).toStartWith(`Cannot run "${path}": `);
      expect(problem).toContain(detail);
      expect(stderr).toStartWith(`WARN calls: guest "web1" called the command "it": Cannot run "${path}": `);
      expect(stderr).toContain(detail);
    },
  );

  test("arguments that are too long get TOO_LARGE, with the full message for the caller", async () => {
    await using directory = await createTemporaryDirectory();
    await plant(directory, "it", "");
    const { link, lines, execute } = serve(directory);
    await using _ = link;
    const error = await rejectionOf(execute("it", ["x".repeat(131_072)]).answer);
    expect(error.code).toBe("TOO_LARGE");
    expect(error.message).toStartWith('Cannot run "it": its arguments and environment are too long (');
    expect(error.message).toEndWith("send more than that on standard input");
    await until("the audit has an entry", () => lines.length === 1);
    expect(lines[0]).not.toHaveProperty("problem");
  });

  test("fifty failed calls in a minute are ten log lines", async () => {
    await using directory = await createTemporaryDirectory();
    await directory.write("it", "#!/bin/sh\n");
    // The clock stands still, because a slow test would get further lines.
    const { link, execute } = serve(directory, DEFAULT_POLICY, () => 0);
    await using _ = link;
    const { stderr } = await spyOnOutput(async () => {
      for (let count = 0; count < 50; count++) await rejectionOf(execute("it").answer);
    });
    expect(stderr.match(/called the command "it"/g)).toHaveLength(10);
  });
});

test("did-you-mean names no command that the policy denies to the caller", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "wipe-disk", "");
  await plant(directory, "wipe-desk", "");
  const rules = `
    [[rules]]
    action = "deny"
    commands = ["wipe-disk"]
    [[rules]]
    action = "allow"
  `;
  const { link, execute } = serve(directory, parsePolicy(rules));
  await using _ = link;
  expect((await rejectionOf(execute("wipe-dusk").answer)).message).toEndWith('\nDid you mean "wipe-desk"?');
});

test("the shortest deadline ends the command: deadline if it is the caller's, else limit", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "slow", "exec sleep 600");
  await plant(directory, "brief", "exec sleep 600", "timeoutSeconds = 0.1\n");
  const atDeadline = { endedBy: "deadline", signal: "SIGTERM" };
  const atLimit = { endedBy: "limit", signal: "SIGTERM" };
  const plain = serve(directory);
  await using owned = new AsyncDisposableStack();
  owned.use(plain.link);
  expect((await plain.execute("slow", [], { timeoutMs: 100 }).answer).result).toMatchObject(atDeadline);
  expect((await plain.execute("brief", [], { timeoutMs: 60_000 }).answer).result).toMatchObject(atLimit);
  const strict = serve(directory, parsePolicy('[[rules]]\naction = "allow"\ntimeoutSeconds = 0.1\n'));
  owned.use(strict.link);
  expect((await strict.execute("slow").answer).result).toMatchObject(atLimit);
});

test("the time before the start counts towards the caller's deadline", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "slow", "exec sleep 600");
  const ended = await withMoreTime(
    async (timeMs) => {
      const cameMs = performance.now();
      const lookMs = 4 * timeMs;
      const lookIsSlow = () => until("time has passed", () => performance.now() - cameMs > lookMs);
      const { link, execute } = serve(directory, DEFAULT_POLICY, undefined, lookIsSlow);
      await using _ = link;
      const { result } = await execute("slow", [], { timeoutMs: lookMs + timeMs }).answer;
      return { result, isEarly: Object(result).durationMs < lookMs };
    },
    ({ isEarly }) => isEarly,
  );
  expect(ended).toMatchObject({ result: { endedBy: "deadline" }, isEarly: true });
});

/** It ends by itself, for the tests end before its SIGKILL. */
const STUBBORN = "trap '' TERM; echo ready; for _ in $(seq 200); do sleep 0.1; done";

/** Lets a stubborn command pass its deadline. `isTelling`: it has begun to ignore SIGTERM before. */
async function passDeadline(execute: ReturnType<typeof serve>["execute"], timeoutMs: number) {
  const call = execute("stubborn", [], { timeoutMs });
  const [text, { result }] = await Promise.all([readAll(call.reader("stdout")), call.answer]);
  return { result, isTelling: text === "ready\n" };
}

test("a command that ignores its deadline counts as a call until it has ended", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "stubborn", STUBBORN);
  await plant(directory, "quick", "exit 0");
  const rules = '[[rules]]\naction = "allow"\nconcurrency = 1\n';
  const { link, lines, execute } = serve(directory, parsePolicy(rules));
  await using _ = link;
  const { result } = await withMoreTime(
    (timeoutMs) => passDeadline(execute, timeoutMs),
    ({ isTelling }) => isTelling,
  );
  expect(result).toMatchObject({ exitCode: null, signal: null, endedBy: "deadline" });
  expect(lines.at(-1)).toMatchObject({ exitCode: null, signal: null, endedBy: "deadline" });
  expect(await rejectionOf(execute("quick").answer)).toMatchObject({ code: "BUSY" });
  await until("the command has ended", async () => {
    const answer = execute("quick").answer.catch(() => undefined);
    return (await answer)?.result !== undefined;
  });
});

test("without a policy, commands past their deadlines are at most twice the open calls", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "stubborn", STUBBORN);
  const { ended, error } = await withMoreTime(
    async (timeoutMs) => {
      const { link, execute } = serve(directory);
      await using _ = link;
      const ended = await Promise.all([1, 2, 3, 4].map(() => passDeadline(execute, timeoutMs)));
      const last = passDeadline(execute, timeoutMs);
      return { ended, error: await last.catch((thrown: unknown) => thrown) };
    },
    (outcome) => outcome.ended.every(({ isTelling }) => isTelling),
  );
  for (const { result } of ended) expect(result).toMatchObject({ signal: null, endedBy: "deadline" });
  const message = expect.stringContaining(`The host's limit of the method "execute" is reached`);
  expect(error).toMatchObject({ code: "BUSY", message });
});

test("a command with stdin = false gets no input, though the caller sends some", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "blind", "wc -c", "stdin = false\n");
  const { link, execute } = serve(directory);
  await using _ = link;
  const call = execute("blind", [], { write: ["stdin"] });
  void call
    .writer("stdin")
    .write(Buffer.from("unread"))
    .catch(() => undefined);
  expect(await readAll(call.reader("stdout"))).toBe("0\n");
  expect((await call.answer).result).toMatchObject({ exitCode: 0 });
});

test("a built-in command writes its output and exits with 0", async () => {
  await using directory = await createTemporaryDirectory();
  const { link, execute } = serve(directory);
  await using _ = link;
  const call = execute("built", ["ignored"]);
  expect(await readAll(call.reader("stdout"))).toBe("inside\n");
  expect((await call.answer).result).toMatchObject({ exitCode: 0, endedBy: "command" });
  expect((await execute("built", [], { read: [] }).answer).result).toMatchObject({ exitCode: 0 });
});

test("a cancelled command ends by SIGTERM, and the result says that it was cancelled", async () => {
  await using directory = await createTemporaryDirectory();
  await plant(directory, "slow", "echo on; exec sleep 600");
  const { link, execute } = serve(directory);
  await using _ = link;
  const call = execute("slow");
  await call.reader("stdout")[Symbol.asyncIterator]().next();
  call.cancel("enough");
  expect((await call.answer).result).toMatchObject({ endedBy: "cancel", signal: "SIGTERM" });
});

test.each([
  ["stdout and stderr", "", { stdout: true, stderr: true }],
  ["only stdout", "2>/dev/null", { stdout: true, stderr: undefined }],
  ["only stderr", ">/dev/null", { stdout: undefined, stderr: true }],
])("a child that holds %s until a cancel makes that output truncated", async (...row) => {
  const [, redirection, expected] = row;
  await using directory = await createTemporaryDirectory();
  await plant(directory, "parent", `sleep 600 ${redirection} &\nexit 3`);
  const { link, execute } = serve(directory);
  await using _ = link;
  const { result, truncated } = await withMoreTime(
    async (ms) => {
      const call = execute("parent", [], { read: ["stdout", "stderr"] });
      const { promise: exited, resolve } = Promise.withResolvers<unknown>();
      call.listen((name) => void (name === "exited" && resolve(name)));
      await exited;
      // A stream that no process holds has to end before the cancel.
      await Bun.sleep(ms);
      call.cancel("no more of it");
      const { result: ended, streams } = await call.answer;
      const { stdout, stderr } = streams;
      return { result: ended, truncated: { stdout: stdout?.truncated, stderr: stderr?.truncated } };
    },
    ({ truncated: { stdout, stderr } }) =>
      (expected.stdout ?? stdout) === expected.stdout && (expected.stderr ?? stderr) === expected.stderr,
  );
  expect(result).toMatchObject({ exitCode: 3, endedBy: "command" });
  expect(truncated).toEqual(expected);
});

test.each<[string, unknown, string]>([
  ["no name", { args: [] }, "command: "],
  ["an empty name", { command: "" }, "command: it is empty"],
  ["a name that is a number", { command: 5 }, "command: it has to be text"],
  ["a long name", { command: "x".repeat(256) }, "command: it is longer than 255 characters"],
  ["arguments that are not a list", { command: "x", args: "y" }, "args: they have to be a list"],
  ["an argument that is not text", { command: "x", args: [1] }, "args.0: an argument has to be text"],
  ["a NUL in an argument", { command: "x", args: ["a", "b\0"] }, "args.1: an argument cannot hold a NUL"],
  [
    "too many arguments",
    { command: "x", args: Array.from({ length: 4097 }, () => "") },
    "args: more than 4096 arguments",
  ],
  [
    "arguments of too many bytes",
    { command: "x", args: ["x".repeat(256 * 1024)] },
    "more than 262144 bytes of arguments",
  ],
])("execute with %s gets BAD_REQUEST", async (what, params, part) => {
  await using directory = await createTemporaryDirectory();
  const { link, execute } = serve(directory);
  await using _ = link;
  const error = await rejectionOf(execute("x", [], { params }).answer);
  expect({ what, code: error.code }).toEqual({ what, code: "BAD_REQUEST" });
  expect(error.message).toContain(part);
  expect(error.message.length).toBeLessThan(1000);
});

test.each(["missing", "../missing", ".hidden", "a/b", "built.toml"])(
  "execute of %j gets NO_COMMAND, and the audit has the name",
  async (name) => {
    await using directory = await createTemporaryDirectory();
    const { link, lines, execute } = serve(directory);
    await using _ = link;
    expect((await rejectionOf(execute(name).answer)).code).toBe("NO_COMMAND");
    await until("the audit has an entry", () => lines.length === 1);
    expect(lines[0]).toMatchObject({ command: name, errorCode: "NO_COMMAND", decision: "allowed" });
  },
);
