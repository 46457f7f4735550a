/** `guest-exec` and `guest-exec-status`: programs that clients of the guest agent start. */
import { chmod, writeFile } from "node:fs/promises";
import { expect, test } from "bun:test";
import { createExecCommands } from "../../../src/methods/agent/exec.ts";
import type { ExecRecord } from "../../../src/methods/agent/exec-records.ts";
import { createKeptItems } from "../../../src/methods/agent/kept-items.ts";
import type { CallContext } from "../../../src/methods/method.ts";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const MIB = 1024 * 1024;

/** The two commands, with room for `most` programs. */
function createCommands(most = 9, grant: Partial<CallContext["grant"]> = {}) {
  const records = createKeptItems<ExecRecord>({
    most,
    idleMs: 3_600_000,
    now: () => 0,
    isIdle: ({ end }) => end !== undefined,
    drop: () => undefined,
  });
  const commands = createExecCommands({ records, memory: createAnswerMemory(MIB), users: createUserCache() });
  // The commands take no more of the context than this.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const context = { grant, begin: () => Promise.resolve() } as unknown as CallContext;
  const prepare = (name: string, args: unknown) => {
    const command = commands.find((candidate) => candidate.name === name);
    if (command === undefined) throw new Error(`No command is called ${name}`);
    return command.method.prepare(args);
  };
  const call = async (name: string, args: unknown) => (await prepare(name, args).run(context)).result;
  const exec = async (args: Record<string, unknown>): Promise<number> =>
    Number(Object(await call("guest-exec", args)).pid);
  const statusOf = (pid: number) => call("guest-exec-status", { pid: BigInt(pid) });
  const endOf = (pid: number) =>
    until("the program has ended", async () => {
      const status = Object(await statusOf(pid));
      return status.exited === true && status;
    });
  return { prepare, call, exec, statusOf, endOf };
}

const SHELL = "/bin/sh";
const text = (value: string): string => Buffer.from(value).toString("base64");
const script = (line: string, more: Record<string, unknown> = {}) => ({
  path: SHELL,
  arg: ["-c", line],
  ...more,
});

test("a program gets its arguments, variables and input, and its end has both outputs", async () => {
  const { exec, endOf } = createCommands();
  const line = 'cat; echo "$NAME$PATH" >&2; echo "$1"; exit 3';
  const args = script(line, {
    arg: ["-c", line, "sh", "one"],
    env: ["NAME=value", "BARE"],
    "input-data": text("in\n"),
    "capture-output": true,
  });
  const pid = await exec(args);
  expect(pid).toBeGreaterThan(1);
  expect(await endOf(pid)).toMatchObject({
    exited: true,
    exitcode: 3,
    "out-data": text("in\none\n"),
    "out-truncated": false,
    "err-truncated": false,
  });
});

test("without variables a program has a PATH and a language, with them it has only those", async () => {
  const { exec, endOf } = createCommands();
  const line = "/usr/bin/env | /usr/bin/sort | /bin/grep -v -e ^PWD= -e ^SHLVL= -e ^_=";
  const usual = await endOf(await exec(script(line, { "capture-output": "stdout" })));
  expect(Buffer.from(usual["out-data"], "base64").toString()).toMatch(/^LANG=C\.UTF-8\nPATH=.*\/bin.*\n$/);
  const given = await endOf(await exec(script(line, { env: ["A=b=c", "D"], "capture-output": "stdout" })));
  expect(Buffer.from(given["out-data"], "base64").toString()).toBe("A=b=c\nD=\n");
});

test.each([
  ["none", {}],
  ["stdout", { "out-data": text("out\n"), "out-truncated": false }],
  ["stderr", { "err-data": text("err\n"), "err-truncated": false }],
  ["merged", { "out-data": text("out\nerr\n"), "out-truncated": false }],
  [false, {}],
  [
    "separated",
    {
      "out-data": text("out\n"),
      "out-truncated": false,
      "err-data": text("err\n"),
      "err-truncated": false,
    },
  ],
])("capture-output %p gives the answer %j", async (capture, members) => {
  const { exec, endOf } = createCommands();
  const pid = await exec(script("echo out; echo err >&2", { "capture-output": capture }));
  expect(await endOf(pid)).toEqual({ exited: true, exitcode: 0, ...members });
});

test("a program that a signal ends has the number of the signal", async () => {
  const { exec, endOf } = createCommands();
  expect(await endOf(await exec(script("kill -KILL $$")))).toEqual({ exited: true, signal: 9 });
});

test("a running program has no end, and one whose end was asked for is forgotten", async () => {
  const { exec, statusOf, endOf } = createCommands();
  await using directory = await createTemporaryDirectory();
  const file = directory.at("go");
  const pid = await exec(script(`until [ -e ${file} ]; do sleep 0.01; done`));
  expect(await statusOf(pid)).toEqual({ exited: false });
  await writeFile(file, "");
  await endOf(pid);
  expect((await rejectionOf(statusOf(pid))).message).toBe(`PID ${pid} does not exist`);
});

test.each([
  ["sh", SHELL],
  ["no-such-program", undefined],
])("the name %s is looked for in PATH", async (path, found) => {
  const { prepare, exec, endOf } = createCommands();
  const { resource } = prepare("guest-exec", { path });
  if (found === undefined) {
    expect(resource).toMatchObject({ kind: "path", path: `/${path}`, args: [] });
    expect((await rejectionOf(exec({ path }))).message).toContain("(No such file or directory)");
    return;
  }
  expect(resource).toMatchObject({ kind: "path", args: [] });
  expect(await endOf(await exec({ path, arg: ["-c", "exit 5"] }))).toEqual({ exited: true, exitcode: 5 });
});

test("a name is looked for in the PATH that the client gives", async () => {
  const { exec } = createCommands();
  const refused = await rejectionOf(exec({ path: "sh", env: ["PATH=/nonexistent"] }));
  const problem = "Failed to execute child process “sh” (No such file or directory)";
  expect(refused.message).toBe(`Guest agent command failed, error was '${problem}'`);
});

test("the resource has the path, the arguments, and the names of the variables", () => {
  const { prepare } = createCommands();
  const args = { path: "bin/../bin/true", arg: ["x"], env: ["A=1", "B"] };
  expect(prepare("guest-exec", args).resource).toEqual({
    kind: "path",
    path: "/bin/true",
    args: ["x"],
    variables: ["A", "B"],
  });
  expect(prepare("guest-exec", { path: "/bin/true" }).resource).toEqual({
    kind: "path",
    path: "/bin/true",
    args: [],
  });
});

test.each([
  ["an empty path", { path: "" }, "(No such file or directory)"],
  ["a path with NUL", { path: "/bin/sh\0" }, "(No such file or directory)"],
  ["a path that leads nowhere", { path: "/nonexistent/x" }, "(No such file or directory)"],
  ["a directory", { path: "/etc" }, "(Permission denied)"],
  ["an argument that is too long", { path: SHELL, arg: ["x".repeat(200_000)] }, "(Argument list too long)"],
  ["an argument with NUL", { path: SHELL, arg: ["\0"] }, "(Invalid argument)"],
  ["a variable with NUL", { path: SHELL, env: ["A=\0"] }, "(Invalid argument)"],
])("%s is refused in the words of the QEMU guest agent", async (_, args, words) => {
  const { exec } = createCommands();
  expect(await rejectionOf(exec(args))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: expect.stringContaining(words),
  });
});

/** The beginning of a program whose loader cannot be judged, so that a helper starts it. */
const ODD = Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]), Buffer.alloc(58)]);

test.each([
  ["a text", Buffer.from("#!/bin/sh\n")],
  ["a program that only a helper would start", ODD],
])("%s that may not be executed is refused at once", async (_, bytes) => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("program");
  await writeFile(path, bytes);
  await chmod(path, 0o644);
  const { exec } = createCommands();
  expect((await rejectionOf(exec({ path }))).message).toContain("(Permission denied)");
});

test("programs that failed to start and programs that ended leave room for others", async () => {
  const { exec, endOf } = createCommands(1);
  await rejectionOf(exec({ path: "/etc" }));
  await rejectionOf(exec(script("", { path: "/nonexistent/x", "input-data": text("x") })));
  await endOf(await exec(script("exit 0")));
  expect(await endOf(await exec(script("exit 1")))).toEqual({ exited: true, exitcode: 1 });
});

test("one program more than there is room for is refused", async () => {
  const { exec, endOf } = createCommands(1);
  await using directory = await createTemporaryDirectory();
  const file = directory.at("go");
  const pid = await exec(script(`until [ -e ${file} ]; do sleep 0.01; done`));
  expect((await rejectionOf(exec(script("exit 0")))).message).toContain("too many programs run");
  await writeFile(file, "");
  await endOf(pid);
});

test("a relative path begins at the root", async () => {
  const { exec, endOf } = createCommands();
  expect(await endOf(await exec({ path: "bin/sh", arg: ["-c", "exit 4"] }))).toMatchObject({ exitcode: 4 });
});

test("input has its memory until its program ends, and a refused program takes no place", async () => {
  const { exec, endOf } = createCommands(2);
  await using directory = await createTemporaryDirectory();
  const file = directory.at("go");
  const input = { "input-data": Buffer.alloc(MIB).toString("base64") };
  const pid = await exec(script(`cat >/dev/null; until [ -e ${file} ]; do sleep 0.01; done`, input));
  const refused = await rejectionOf(exec(script("exit 0", input)));
  expect(refused.message).toContain("the running programs have too much input");
  expect(await endOf(await exec(script("exit 6")))).toMatchObject({ exitcode: 6 });
  await writeFile(file, "");
  await endOf(pid);
  expect(await endOf(await exec(script("cat >/dev/null; exit 7", input)))).toMatchObject({ exitcode: 7 });
});

test("the limit of a rule ends the program", async () => {
  const { exec, endOf } = createCommands(9, { rule: 1, timeoutMs: 100 });
  expect(await endOf(await exec(script("sleep 600")))).toEqual({ exited: true, signal: 15 });
});

test("the user of a rule that is unknown is an error", async () => {
  const { exec } = createCommands(9, { rule: 1, user: "no-such-user" });
  expect((await rejectionOf(exec(script("exit 0")))).message).toContain("no-such-user");
});
