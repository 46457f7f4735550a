/** A started process: its failures, its pipes, and what it hands to the program that replaces this one. */
import { afterEach, expect, jest, spyOn, test } from "bun:test";
import { closeSync, existsSync, fstatSync, mkdirSync, writeSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { adoptChild, createChild, runningChildren } from "../../src/process/child.ts";
import type { Child, ChildFacts } from "../../src/process/child.ts";
import type { CarriedPipe } from "../../src/process/carriers.ts";
import { holdOutput } from "../../src/process/held-output.ts";
import { collectKept } from "../../src/process/kept-resources.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { NOWHERE } from "../../src/process/pump.ts";
import { readProcess } from "../../src/trust/host-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

afterEach(() => jest.restoreAllMocks());

/** It is not the number of a process. */
const PID = 4_194_305;
const EXITED = { exitCode: 0, signal: null };
const USER = { uid: 65_534, gid: 65_534, groups: [] };
const IS_ROOT = process.getuid?.() === 0;

type Options = Parameters<typeof createChild>[1];

/** Returns a child without pipes that has ended, but for these members. */
function childOf(facts: Partial<ChildFacts> = {}, options: Partial<Options> = {}): Child {
  return createChild(
    { pid: PID, path: "/bin/true", ...facts },
    {
      exit: Promise.resolve(EXITED),
      isReaped: () => true,
      held: undefined,
      outputs: { stdout: undefined, stderr: undefined },
      stdin: null,
      stderr: null,
      ...options,
    },
  );
}

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
};

test("a process counts as running until its exit", async () => {
  const { promise: exit, resolve } = Promise.withResolvers<typeof EXITED>();
  const before = runningChildren();
  childOf({}, { exit });
  expect(runningChildren()).toEqual([...before, PID]);
  resolve(EXITED);
  await exit;
  expect(runningChildren()).toEqual(before);
});

test("a signal goes to the group until the process is reaped", () => {
  const kill = spyOn(process, "kill").mockImplementation(() => true);
  let isReaped = false;
  const child = childOf({}, { isReaped: () => isReaped });
  child.signal("SIGHUP");
  isReaped = true;
  child.signal("SIGTERM");
  expect(kill.mock.calls).toEqual([[-PID, "SIGHUP"]]);
});

async function* source(): AsyncGenerator<Uint8Array> {
  yield* [];
}

test("it has standard input only with a pipe and a source", () => {
  const stdin = source();
  expect(childOf({ stdinFd: 7 }, { stdin }).stdin).toEqual({ fd: 7, source: stdin });
  expect(childOf({ stdinFd: 7 }).stdin).toBeUndefined();
  expect(childOf({}, { stdin }).stdin).toBeUndefined();
});

test("its standard error goes to what holds it back, to its sink, or nowhere", () => {
  const sink = { write: () => Promise.resolve() };
  const held = holdOutput("tool", sink);
  expect(childOf({}, { held, stderr: sink }).stderr).toBe(held);
  expect(childOf({}, { stderr: sink }).stderr).toBe(sink);
  expect(childOf().stderr).toBe(NOWHERE);
});

/** Returns the failure that a helper reports with this text before it ends. */
async function reported(text: string, signal: NodeJS.Signals | null = null): Promise<unknown> {
  const { readFd, writeFd } = createPipe();
  writeSync(writeFd, text);
  const child = childOf({ reportFd: readFd });
  const end = { exitCode: signal === null ? 0 : null, signal };
  const failure = await child.findFailure(end, Promise.resolve());
  child.release();
  closeSync(writeFd);
  return failure;
}

test.each<[text: string, signal: NodeJS.Signals | null, failure: object | undefined]>([
  ["+", null, undefined],
  ["+", "SIGTERM", undefined],
  ["", "SIGTERM", undefined],
  ["", null, { message: "the helper ended before the start" }],
  ['{"step":"cgroup","errno":"ENOENT"}', null, { message: "cgroup: ENOENT", code: "ENOENT", step: "cgroup" }],
  ['{"step":"user","errno":"EINVAL"}', null, { message: "user: EINVAL", code: "EPERM", step: "user" }],
  ['+{"step":"program","errno":"ENOENT"}', null, { code: "ENOENT", step: "program" }],
])("the report %j of a helper that ends by %p is the failure %j", async (text, signal, failure) => {
  const found = await reported(text, signal);
  if (failure === undefined) expect(found).toBeUndefined();
  else expect(found).toMatchObject(failure);
});

test("a child without a report and without a helper's words has not failed", async () => {
  expect(await childOf().findFailure({ exitCode: 127, signal: null }, Promise.resolve())).toBeUndefined();
  const held = holdOutput(
    "tool",
    NOWHERE,
    Buffer.from("tool: failed to run command 'x': Permission denied\n"),
  );
  const child = childOf({ path: "/no/such" }, { held });
  expect(await child.findFailure({ exitCode: 127, signal: null }, Promise.resolve())).toBeUndefined();
});

const WORDS = "tool: failed to run command 'x': No such file or directory\n";

type Words = { text?: string; exitCode?: number; path?: string; stderrEnded?: Promise<void> };

function failureByWords({ text = WORDS, exitCode = 127, path = "/no/such/file", ...more }: Words) {
  const held = holdOutput("tool", NOWHERE, Buffer.from(text));
  const child = childOf({ path, user: USER }, { held });
  return child.findFailure({ exitCode, signal: null }, more.stderrEnded ?? Promise.resolve());
}

test("the words of a helper that ended are the failure, if the files show a reason too", async () => {
  expect(await failureByWords({})).toMatchObject({ code: "ENOENT" });
  for (const exitCode of [1, 125, 126]) expect(await failureByWords({ exitCode })).toBeDefined();
});

test.each<[what: string, words: Words]>([
  ["with an exit code that is the command's", { exitCode: 2 }],
  ["without words", { text: "" }],
  ["with other words", { text: "to" }],
])("a helper that ends %s has not failed", async (_, words) => {
  expect(await failureByWords(words)).toBeUndefined();
});

test("words are not waited for longer than 300 ms after the end", async () => {
  jest.useFakeTimers();
  try {
    const found = failureByWords({ stderrEnded: Promise.withResolvers<void>().promise });
    jest.advanceTimersByTime(300);
    expect(await found).toBeUndefined();
  } finally {
    jest.useRealTimers();
  }
});

test.if(IS_ROOT)("the words count for a file that the user may not execute, and else not", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o755);
  const path = await directory.write("script", "#!/bin/sh\n");
  await chmod(path, 0o755);
  expect(await failureByWords({ path })).toBeUndefined();
  await chmod(path, 0o700);
  expect(await failureByWords({ path })).toBeDefined();
  expect(await failureByWords({ path: directory.path })).toBeDefined();
  await chmod(path, 0o755);
  const elsewhere = await directory.write("elsewhere", "#!/proc/self/exe\n");
  await chmod(elsewhere, 0o755);
  expect(await failureByWords({ path: elsewhere })).toBeDefined();
});

test("held bytes go to the command's own sink", async () => {
  const written: string[] = [];
  const sink = { write: async (bytes: Uint8Array) => void written.push(Buffer.from(bytes).toString()) };
  await childOf({}, { held: holdOutput("tool", sink, Buffer.from("to")) }).passOnHeld();
  await childOf().passOnHeld();
  expect(written).toEqual(["to"]);
});

test("a release closes the report once, and removes the cgroup", async () => {
  await using directory = await createTemporaryDirectory();
  mkdirSync(directory.at("cgroup"));
  const { readFd, writeFd } = createPipe();
  const cgroup = { directory: directory.at("cgroup"), files: {} };
  const child = childOf({ reportFd: readFd, cgroup });
  child.release();
  expect([isOpen(readFd), isOpen(writeFd)]).toEqual([false, true]);
  closeSync(writeFd);
  child.release();
  await until("the cgroup is removed", () => !existsSync(cgroup.directory));
  expect(child.freeze()).not.toHaveProperty("reportFd");
});

/** A carrier, and whether its pipe was left. */
function carriedBy(pid: number): CarriedPipe & { left: number } {
  const pipe = {
    theirFd: 0,
    ourEnd: 0,
    left: 0,
    attend: () => undefined,
    leave: () => void pipe.left++,
    carrier: () => readProcess(pid),
  };
  return pipe;
}

const startSleep = () => Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });

test("the end of its output leaves the pipes and kills all carriers, those from before too", async () => {
  const [before, now, other] = [startSleep(), startSleep(), startSleep()];
  const old = readProcess(before.pid);
  const pipe = carriedBy(now.pid);
  const ended = carriedBy(PID);
  const facts = old === undefined ? {} : { carriers: [{ pid: old.pid, startTicks: old.startTicks }] };
  childOf(facts, { carried: [pipe, ended] }).endCarriers();
  expect([pipe.left, ended.left]).toEqual([1, 1]);
  await Promise.all([before.exited, now.exited]);
  expect([before.signalCode, now.signalCode, other.signalCode]).toEqual(["SIGKILL", "SIGKILL", null]);
  other.kill("SIGKILL");
  await other.exited;
});

test("a frozen process is plain data, and its report and itself stay", async () => {
  const { readFd, writeFd } = createPipe();
  const held = holdOutput("tool", NOWHERE, Buffer.from("to"));
  const own = readProcess(process.pid);
  const child = childOf(
    { reportFd: readFd, stdinFd: 7, user: USER, carriers: [{ pid: 5, startTicks: 6 }] },
    {
      held,
      carried: [carriedBy(process.pid)],
      exit: Promise.withResolvers<never>().promise,
      outputs: { stdout: 8, stderr: { fd: 9, onOpen: () => undefined } },
    },
  );
  const { value, fds, children } = collectKept(() => child.freeze());
  expect(value).toEqual({
    pid: PID,
    path: "/bin/true",
    user: USER,
    stdinFd: 7,
    stdoutFd: 8,
    stderrFd: 9,
    reportFd: readFd,
    carriers: [
      { pid: 5, startTicks: 6 },
      { pid: process.pid, startTicks: own?.startTicks ?? 0 },
    ],
    held: { name: "tool", bytes: Buffer.from("to") },
  });
  expect({ fds, children }).toEqual({ fds: [readFd], children: [PID] });
  for (const fd of [readFd, writeFd]) closeSync(fd);
});

test("a frozen process without pipes that has ended has its exit, and no other members", async () => {
  const child = childOf(
    {},
    { outputs: { stdout: { fd: undefined, onOpen: () => undefined }, stderr: undefined } },
  );
  await child.exit;
  const { value, fds } = collectKept(() => child.freeze());
  expect({ value, fds }).toEqual({
    value: { pid: PID, path: "/bin/true", carriers: [], exit: EXITED },
    fds: [],
  });
});

test("an adopted process that has ended keeps its exit, and gets no signal", async () => {
  const kill = spyOn(process, "kill").mockImplementation(() => true);
  const frozen = { pid: PID, path: "/bin/true", stdoutFd: 8, stderrFd: 9, exit: EXITED };
  const child = adoptChild(frozen, { stdin: null, stderr: null });
  expect(await child.exit).toEqual(EXITED);
  child.signal("SIGTERM");
  expect(kill).not.toHaveBeenCalled();
  expect([child.stdoutEnd, child.stderrEnd, child.stderr]).toEqual([8, 9, NOWHERE]);
});

test("an adopted process goes on to hold back what was held back before", async () => {
  const written: string[] = [];
  const stderr = { write: async (bytes: Uint8Array) => void written.push(Buffer.from(bytes).toString()) };
  const held = { name: "tool", bytes: Buffer.from("to") };
  const child = adoptChild({ pid: PID, path: "/bin/true", exit: EXITED, held }, { stdin: null, stderr });
  await child.stderr.write(Buffer.from("ol: no"));
  expect(written).toEqual([]);
  await child.passOnHeld();
  expect(written).toEqual(["tool: no"]);
});
