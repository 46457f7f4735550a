/** Every way in which a command cannot be started says what is wrong and what to do. */
import { expect, test } from "bun:test";
import { chmod, copyFile, mkdir, open, symlink } from "node:fs/promises";
import { run } from "../../src/process/run.ts";
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

const SCRIPTS: { name: string; text: string; code: FaultCode; says: string }[] = [
  {
    name: "no #! line",
    text: "echo hello\n",
    code: "NOT_EXECUTABLE",
    says: `it has no "#!" line that names its interpreter\nAdd a first line such as: #!/bin/sh`,
  },
  { name: "an empty file", text: "", code: "NOT_EXECUTABLE", says: `it has no "#!" line` },
  { name: "half a program", text: "\u007fELF…", code: "NOT_EXECUTABLE", says: "it is damaged, or was built" },
  {
    name: "a missing interpreter",
    text: "#! /no/such/interpreter -x\n",
    code: "NOT_EXECUTABLE",
    says: `the file is there, but its interpreter "/no/such/interpreter" is missing`,
  },
  {
    name: "an interpreter line with a carriage return",
    text: "#!/bin/sh\r\necho\r\n",
    code: "NOT_EXECUTABLE",
    says: `its "#!" line ends with a carriage return\nGive it Unix line ends: sed -i`,
  },
  {
    name: "an interpreter that is not executable",
    text: "#!/etc/passwd\n",
    code: "NOT_EXECUTABLE",
    says: `permission denied\nCheck its mode, its "#!" interpreter`,
  },
];

test.each(SCRIPTS)("$name", async ({ text, code, says }) => {
  await using directory = await createTemporaryDirectory();
  const path = await writeScript(directory, text);
  const failure = await failureOf([path]);
  expect(failure.code).toBe(code);
  expect(failure.message).toStartWith(`Cannot run "${path}": `);
  expect(failure.message).toContain(says);
});

test("no executable bit", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await writeScript(directory, "#!/bin/sh\n", 0o644);
  expect(await failureOf([path])).toEqual({
    code: "NOT_EXECUTABLE",
    message: `Cannot run "${path}": it has no executable bit\nSet it with: chmod 755 ${path}`,
  });
});

/** What a caller at the other end is told, and the whole account behind it. */
async function accountsOf(argv: readonly [string, ...string[]], options: Partial<RunOptions> = {}) {
  const sink = { write: async () => undefined };
  const { code, message, cause } = await rejectionOf(
    run({ calledAs: "it", argv, env: {}, cwd: "/", stdin: null, stdout: sink, stderr: sink, ...options }),
  );
  return { code, told: message, whole: cause instanceof NegotiatorError ? cause.message : undefined };
}

test.each(SCRIPTS)("$name: a caller at the other end learns neither path nor remedy", async (script) => {
  await using directory = await createTemporaryDirectory();
  const path = await writeScript(directory, script.text);
  const { code, told, whole } = await accountsOf([path]);
  expect(code).toBe(script.code);
  expect(told).toStartWith('Cannot run "it": ');
  expect(told).not.toMatch(/\n|\/(?!bin)/);
  expect(whole).toStartWith(`Cannot run "${path}": `);
  expect(whole).toContain(script.says);
});

test.each<[string, string, Partial<RunOptions>, FaultCode, string]>([
  ["no file", "/no/such/it", {}, "NO_COMMAND", "it is not there any more"],
  ["no directory to run in", "/bin/true", { cwd: "/no/dir" }, "INTERNAL", "its working directory is missing"],
  ["a directory", "/", {}, "NOT_EXECUTABLE", "it is a directory"],
])("%s is told shortly", async (_, path, options, code, reason) => {
  const accounts = await accountsOf([path], options);
  expect(accounts).toMatchObject({ code, told: `Cannot run "it": ${reason}` });
  expect(accounts.whole).toStartWith(`Cannot run "${path}": `);
});

test("what the caller can mend is told with its remedy", async () => {
  expect(await accountsOf(["/bin/true", "x".repeat(131_072)])).toEqual({
    code: "TOO_LARGE",
    told: expect.stringMatching(/^Cannot run "it": its arguments .*\n.*on standard input$/),
    whole: undefined,
  });
  expect(await accountsOf(["/bin/true", "a\0b"])).toMatchObject({
    told: expect.stringMatching(/^Cannot run "it": .*NUL character\nSend such bytes/),
  });
});

test("a missing file, a directory, a circle of links", async () => {
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

test("a missing working directory is not taken for a missing command", async () => {
  const { code, message } = await failureOf(["/bin/sh"], { cwd: "/no/such/place" });
  expect(code).toBe("INTERNAL");
  expect(message).toContain('its working directory "/no/such/place" is not a directory');
});

test("arguments that are too long, one alone and all together", async () => {
  const single = await failureOf(["/bin/true", "x".repeat(131_072)]);
  expect(single.code).toBe("TOO_LARGE");
  expect(single.message).toContain("its arguments and environment are too long (131083 bytes)");
  // The kernel takes 6 MiB at most, however large the stack may grow (fs/exec.c).
  const many = Array.from({ length: 100_000 }, () => "y".repeat(100));
  expect(await failureOf(["/bin/true", ...many])).toMatchObject({ code: "TOO_LARGE" });
});

test("a NUL character in an argument or a variable", async () => {
  expect(await failureOf(["/bin/true", "a\0b"])).toMatchObject({ code: "BAD_REQUEST" });
  expect(await failureOf(["/bin/true"], { env: { A: "\0" } })).toMatchObject({ code: "BAD_REQUEST" });
});

test("a program that is being written", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("busy");
  await copyFile("/bin/true", path);
  await chmod(path, 0o755);
  await using cleanup = new AsyncDisposableStack();
  cleanup.use(await open(path, "r+"));
  expect(await failureOf([path])).toMatchObject({ code: "BUSY" });
});

test.if(process.getuid?.() === 0)("a program that the other user may not reach", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await writeScript(directory, "#!/bin/sh\n");
  const { code, message } = await failureOf([path], { user: { uid: 65534, gid: 65534 } });
  expect(code).toBe("NOT_EXECUTABLE");
  expect(message).toContain("permission denied for user 65534, group 65534");
  const { told, whole } = await accountsOf([path], { user: { uid: 65534, gid: 65534 } });
  expect({ told, whole }).toEqual({ told: 'Cannot run "it": permission denied', whole: message });
});

test("descriptors are not lost by failures", async () => {
  const leftBehind = await watchOpenFiles(/^pipe:/);
  for (let round = 0; round < 20; round += 1) await failureOf(["/no/such/command"]);
  expect(await leftBehind()).toEqual([]);
});
