/** Each failure to start a command: its code, its reason and its remedy. */
import { expect, spyOn, test } from "bun:test";
import { chmod, copyFile, mkdir, open, symlink } from "node:fs/promises";
import { run } from "../../src/process/run.ts";
import { explainStartFailure } from "../../src/process/start-failure.ts";
import type { StartAttempt } from "../../src/process/start-failure.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { rejectionOf } from "../support/error-of.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import type { FaultCode } from "../../src/errors.ts";
import type { RunOptions } from "../../src/process/run.ts";

async function failureOf(argv: readonly [string, ...string[]], options: Partial<RunOptions> = {}) {
  const sink = { write: async () => undefined };
  const error = await rejectionOf(
    run({ argv, env: {}, cwd: "/", stdin: null, stdout: sink, stderr: sink, ...options }),
  );
  return { code: error.code, message: error.message };
}

async function writeScript(directory: TemporaryDirectory, text: string, mode = 0o755): Promise<string> {
  const path = await directory.write("script", text);
  await chmod(path, mode);
  return path;
}

const SCRIPTS: { name: string; text: string; code: FaultCode; reason: string }[] = [
  {
    name: "a script without a #! line",
    text: "echo hello\n",
    code: "NOT_EXECUTABLE",
    reason: `it has no "#!" line that names its interpreter\nAdd a first line such as: #!/bin/sh`,
  },
  { name: "an empty file", text: "", code: "NOT_EXECUTABLE", reason: `it has no "#!" line` },
  {
    name: "half a program",
    text: "\u007fELF…",
    code: "NOT_EXECUTABLE",
    reason: "it is damaged, or was built",
  },
  {
    name: "a script with a missing interpreter",
    text: "#! /no/such/interpreter -x\n",
    code: "NOT_EXECUTABLE",
    reason: `the file is there, but its interpreter "/no/such/interpreter" is missing`,
  },
  {
    name: "a #! line with a carriage return",
    text: "#!/bin/sh\r\necho\r\n",
    code: "NOT_EXECUTABLE",
    reason: `its "#!" line ends with a carriage return\nGive it Unix line ends: sed -i`,
  },
  {
    name: "a script with an interpreter that is not executable",
    text: "#!/etc/passwd\n",
    code: "NOT_EXECUTABLE",
    reason: `permission denied\nCheck its mode, its "#!" interpreter`,
  },
];

test.each(SCRIPTS)("$name is refused with $code and the reason", async ({ text, code, reason }) => {
  await using directory = await createTemporaryDirectory();
  const path = await writeScript(directory, text);
  const failure = await failureOf([path]);
  expect(failure.code).toBe(code);
  expect(failure.message).toStartWith(`Cannot run "${path}": `);
  expect(failure.message).toContain(reason);
});

test("a file without an executable bit is refused with NOT_EXECUTABLE and the chmod to run", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await writeScript(directory, "#!/bin/sh\n", 0o644);
  expect(await failureOf([path])).toEqual({
    code: "NOT_EXECUTABLE",
    message: `Cannot run "${path}": it has no executable bit\nSet it with: chmod 755 ${path}`,
  });
});

/** Returns the public message for a caller at the other end, and the full message in its cause. */
async function messagesOf(argv: readonly [string, ...string[]], options: Partial<RunOptions> = {}) {
  const sink = { write: async () => undefined };
  const { code, message, cause } = await rejectionOf(
    run({ calledAs: "it", argv, env: {}, cwd: "/", stdin: null, stdout: sink, stderr: sink, ...options }),
  );
  return {
    code,
    publicMessage: message,
    fullMessage: cause instanceof NegotiatorError ? cause.message : undefined,
  };
}

test.each(SCRIPTS)(
  "$name: the public message has neither path nor remedy, and the full message has both",
  async (script) => {
    await using directory = await createTemporaryDirectory();
    const path = await writeScript(directory, script.text);
    const { code, publicMessage, fullMessage } = await messagesOf([path]);
    expect(code).toBe(script.code);
    expect(publicMessage).toStartWith('Cannot run "it": ');
    expect(publicMessage).not.toMatch(/\n|\/(?!bin)/);
    expect(fullMessage).toStartWith(`Cannot run "${path}": `);
    expect(fullMessage).toContain(script.reason);
  },
);

test.each<[string, string, Partial<RunOptions>, FaultCode, string]>([
  ["a missing file", "/no/such/it", {}, "NO_COMMAND", "its file was removed"],
  [
    "a missing working directory",
    "/bin/true",
    { cwd: "/no/dir" },
    "INTERNAL",
    "its working directory is missing",
  ],
  ["a directory", "/", {}, "NOT_EXECUTABLE", "it is a directory"],
])("%s has a short public message without the path", async (_, path, options, code, reason) => {
  const messages = await messagesOf([path], options);
  expect(messages).toMatchObject({ code, publicMessage: `Cannot run "it": ${reason}` });
  expect(messages.fullMessage).toStartWith(`Cannot run "${path}": `);
});

test("the public message of a fault in the caller's arguments has a remedy", async () => {
  expect(await messagesOf(["/bin/true", "x".repeat(131_072)])).toEqual({
    code: "TOO_LARGE",
    publicMessage: expect.stringMatching(/^Cannot run "it": its arguments .*\n.*on standard input$/),
    fullMessage: undefined,
  });
  expect(await messagesOf(["/bin/true", "a\0b"])).toMatchObject({
    publicMessage: expect.stringMatching(/^Cannot run "it": .*NUL character\nSend such bytes/),
  });
});

test("a missing file is NO_COMMAND; a directory and a loop of links are NOT_EXECUTABLE", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("it");
  expect(await failureOf([path])).toEqual({
    code: "NO_COMMAND",
    message: `Cannot run "${path}": no such file`,
  });
  await symlink("it", path);
  expect(await failureOf([path])).toMatchObject({ code: "NOT_EXECUTABLE" });
  await mkdir(directory.at("folder"));
  expect((await failureOf([directory.at("folder")])).message).toEndWith("it is a directory");
});

test("a missing working directory is INTERNAL, not NO_COMMAND", async () => {
  const { code, message } = await failureOf(["/bin/sh"], { cwd: "/no/such/place" });
  expect(code).toBe("INTERNAL");
  expect(message).toContain('its working directory "/no/such/place" is not a directory');
});

test("one argument of 128 KiB and ten megabytes of arguments are TOO_LARGE", async () => {
  const single = await failureOf(["/bin/true", "x".repeat(131_072)]);
  expect(single.code).toBe("TOO_LARGE");
  expect(single.message).toContain("its arguments and environment are too long (131083 bytes)");
  // The kernel accepts at most 6 MiB, even with a larger stack limit (fs/exec.c).
  const many = Array.from({ length: 100_000 }, () => "y".repeat(100));
  expect(await failureOf(["/bin/true", ...many])).toMatchObject({ code: "TOO_LARGE" });
});

test("a NUL character in an argument or a variable is a BAD_REQUEST", async () => {
  expect(await failureOf(["/bin/true", "a\0b"])).toMatchObject({ code: "BAD_REQUEST" });
  expect(await failureOf(["/bin/true"], { env: { A: "\0" } })).toMatchObject({ code: "BAD_REQUEST" });
});

test("a program that is open for writing is BUSY", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("busy");
  await copyFile("/bin/true", path);
  await chmod(path, 0o755);
  await using cleanup = new AsyncDisposableStack();
  cleanup.use(await open(path, "r+"));
  expect(await failureOf([path])).toMatchObject({ code: "BUSY" });
});

test.if(process.getuid?.() === 0)(
  "a program that the other user may not run is NOT_EXECUTABLE, with the user in the full message only",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = await writeScript(directory, "#!/bin/sh\n");
    const { code, message } = await failureOf([path], { user: { uid: 65534, gid: 65534 } });
    expect(code).toBe("NOT_EXECUTABLE");
    expect(message).toContain("permission denied for user 65534, group 65534");
    const { publicMessage, fullMessage } = await messagesOf([path], { user: { uid: 65534, gid: 65534 } });
    expect({ publicMessage, fullMessage }).toEqual({
      publicMessage: 'Cannot run "it": permission denied',
      fullMessage: message,
    });
  },
);

test("twenty failed starts leave no pipe open", async () => {
  const leftBehind = await watchOpenFiles(/^pipe:/);
  for (let round = 0; round < 20; round += 1) await failureOf(["/no/such/command"]);
  expect(await leftBehind()).toEqual([]);
});

const USER = { uid: 65_534, gid: 65_533 };
const systemError = (code: string, more: object = {}): Error =>
  Object.assign(new Error("said"), { code, ...more });

/** Returns code, short message and full message for one error of the system. */
async function explained(thrown: unknown, attempt: Partial<StartAttempt> = {}) {
  const usual: StartAttempt = { calledAs: "it", argv: ["/bin/true"], env: {}, cwd: "/", ...attempt };
  const { code, message, cause } = await explainStartFailure(thrown, usual);
  return [code, message, cause instanceof NegotiatorError ? cause.message : cause];
}

const EXHAUSTED = "the system is out of processes, memory or descriptors";
const WAIT = "Wait for other commands, or raise the limits (TasksMax=, LimitNPROC=, LimitNOFILE=)";
const PERMIT = "Run negotiator as root, and check that no security module forbids it";
const BECOME = "we may not become user 65534, group 65533";
const UNLIMITED = "its memoryMaxBytes or tasksMax cannot be set";

test.each<[code: string, user: typeof USER | undefined, faultCode: FaultCode, reason: string, full: string]>([
  ["EAGAIN", undefined, "BUSY", EXHAUSTED, `${EXHAUSTED}\n${WAIT}`],
  ["ENOMEM", undefined, "BUSY", EXHAUSTED, `${EXHAUSTED}\n${WAIT}`],
  ["EMFILE", undefined, "BUSY", EXHAUSTED, `${EXHAUSTED}\n${WAIT}`],
  ["ENFILE", undefined, "BUSY", EXHAUSTED, `${EXHAUSTED}\n${WAIT}`],
  ["ELOOP", undefined, "NOT_EXECUTABLE", "its symbolic links form a loop", "its symbolic links form a loop"],
  [
    "EPERM",
    undefined,
    "NOT_EXECUTABLE",
    "the system does not permit it",
    `the system does not permit it\n${PERMIT}`,
  ],
  ["EPERM", USER, "NOT_EXECUTABLE", "the system does not permit it", `${BECOME}\n${PERMIT}`],
  ["EIO", undefined, "INTERNAL", "the system does not start it", "said"],
  ["toString", undefined, "INTERNAL", "the system does not start it", "said"],
])("%s for the user %j is %s: %s", async (code, user, faultCode, reason, full) => {
  const thrown = systemError(code);
  const attempt = user === undefined ? {} : { user };
  expect(await explained(thrown, attempt)).toEqual([
    faultCode,
    `Cannot run "it": ${reason}`,
    `Cannot run "/bin/true": ${full}`,
  ]);
});

test("without a caller's name the error is the full one, caused by the system's error", async () => {
  const thrown = systemError("EPERM");
  const usual: StartAttempt = { argv: ["/bin/true"], env: {}, cwd: "/" };
  const error = await explainStartFailure(thrown, usual);
  expect(error.message).toBe(`Cannot run "/bin/true": the system does not permit it\n${PERMIT}`);
  expect(error.cause).toBe(thrown);
  const tooLong = await explainStartFailure(systemError("E2BIG"), usual);
  expect(tooLong.message).toStartWith('Cannot run "/bin/true": its arguments');
});

test("a program that is being written names the way to find the writer", async () => {
  expect(await explained(systemError("ETXTBSY"), { argv: ["/a b"] })).toEqual([
    "BUSY",
    'Cannot run "it": another process has it open for writing',
    'Cannot run "/a b": another process has it open for writing\n' +
      "Try again. Replace it by renaming a new file over it. Find the writer: fuser -v '/a b'",
  ]);
});

test("the bytes of arguments and variables are counted, not their characters", async () => {
  const attempt = { argv: ["/é", "x"] as const, env: { A: "é" } };
  // Four and two bytes of arguments, and five of the variable.
  expect((await explained(systemError("E2BIG"), attempt))[1]).toContain("are too long (11 bytes)");
});

test("a cgroup that cannot be made is BAD_CONFIG, with the system's error for the log", async () => {
  expect(await explained(systemError("ENOENT", { step: "cgroup" }))).toEqual([
    "BAD_CONFIG",
    `Cannot run "it": ${UNLIMITED}`,
    'Cannot run "/bin/true": its cgroup cannot be made (ENOENT)',
  ]);
  expect((await explained(systemError("EIO", { step: "directory" })))[0]).toBe("INTERNAL");
});

test.each(["text", undefined, null])("%p that is thrown is INTERNAL", async (thrown) => {
  const [code, message] = await explained(thrown);
  expect([code, message]).toEqual(["INTERNAL", 'Cannot run "it": the system does not start it']);
});

test("an error of ours stays, and its public message tells a busy machine from a wrong config", async () => {
  const busy = new NegotiatorError("BUSY", "full text");
  const wrong = new NegotiatorError("BAD_CONFIG", "full text");
  expect(await explained(busy)).toEqual(["BUSY", 'Cannot run "it": the machine is too busy', "full text"]);
  expect(await explained(wrong)).toEqual(["BAD_CONFIG", `Cannot run "it": ${UNLIMITED}`, "full text"]);
  const usual: StartAttempt = { argv: ["/bin/true"], env: {}, cwd: "/" };
  expect(await explainStartFailure(busy, usual)).toBe(busy);
});

/** Replaces each program that starts by a shell script. Returns the command lines. */
function replacePrograms(script: string): Disposable & { started: string[][] } {
  const started: string[][] = [];
  const spawn = Bun.spawn;
  const spy = spyOn(Bun, "spawn").mockImplementation((options) => {
    started.push(Object(options).cmd);
    return spawn({ ...Object(options), cmd: ["/bin/sh", "-c", script] });
  });
  return { started, [Symbol.dispose]: () => spy.mockRestore() };
}

const AWAY = "/proc/self/no such file";
const SILENT = [
  "NOT_EXECUTABLE",
  'Cannot run "it": its file system does not answer',
  `Cannot run "${AWAY}": the system does not start it (EACCES), and its file system does not answer\n` +
    `See where it is: findmnt -T '${AWAY}'`,
];

test.each<[what: string, attempt: Partial<StartAttempt>, user: object]>([
  ["a program", { argv: [AWAY] }, {}],
  ["a program of a user", { argv: [AWAY], user: Object({ ...USER, groups: [1] }) }, { user: USER }],
  ["a directory", { cwd: "/proc/self" }, {}],
])("a helper looks at %s on a file system that may hang", async (_, attempt, user) => {
  const fault = JSON.stringify({ code: "NO_COMMAND", problem: "gone", reason: "it is gone" });
  using programs = replacePrograms(`printf '%s' '${fault}'`);
  const { argv: [path] = ["/bin/true"], cwd = "/" } = attempt;
  expect(await explained(systemError("EACCES"), attempt)).toEqual([
    "NO_COMMAND",
    'Cannot run "it": it is gone',
    `Cannot run "${path}": gone`,
  ]);
  const [words = []] = programs.started;
  expect(words.slice(-3, -1)).toEqual(["explain", "EACCES"]);
  expect(JSON.parse(words.at(-1) ?? "")).toEqual({ path, cwd, ...user });
});

test("a helper that fails leaves the question where the file is", async () => {
  using _ = replacePrograms("printf '{}'; exit 1");
  expect(await explained(systemError("EACCES"), { argv: [AWAY] })).toEqual(SILENT);
});

test("a look at local files starts no program", async () => {
  using programs = replacePrograms("exit 1");
  const [code, message] = await explained(systemError("ENOENT"), { argv: ["/no/such/file"] });
  expect([code, message]).toEqual(["NO_COMMAND", 'Cannot run "it": its file was removed']);
  expect(programs.started).toEqual([]);
});
