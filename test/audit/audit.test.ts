/** The audit file: its lines, its rotation, unsafe places, and failures to write. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAudit } from "../../src/audit/audit.ts";
import type { AuditOptions } from "../../src/audit/audit.ts";
import { formatAuditLine } from "../../src/audit/audit-line.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { auditOptions, FINISHED } from "../support/audit-sample.ts";
import { watchOpenFiles } from "../support/open-files.ts";

/** Root's calls have no limit. */
const OWN = { ...FINISHED, direction: "outgoing", user: { uid: 0 } } as const;
const TIME = "2026-01-02T03:04:05.678Z";

type Folder = AsyncDisposable & { path: string };

async function createFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "negotiator-audit-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const now = (): number => Date.parse(TIME);

/** Options with the clock of the test. */
function optionsFor(path: string, more: Partial<AuditOptions> = {}): ReturnType<typeof auditOptions> {
  return auditOptions(path, { now, ...more });
}

/** The named member of each line of a file. */
async function members(path: string, name: string): Promise<unknown[]> {
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  return lines.map((line) => Object.entries<unknown>(JSON.parse(line)).find(([key]) => key === name)?.[1]);
}

test("a finished and a denied call are a line each, in separate files of mode 0640 at most", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "log/negotiator/audit.jsonl");
  const [options, problems] = optionsFor(path);
  {
    using audit = openAudit(options);
    audit.record(FINISHED);
    audit.record({
      role: "guest",
      direction: "outgoing",
      peer: {},
      callId: "c-2",
      method: "execute",
      command: "reboot",
      args: [],
      decision: "denied",
      rule: "no-match",
      reason: "no rule",
      errorCode: "DENIED",
    });
  }
  expect(problems).toEqual([]);
  const lineOf = async (file: string): Promise<unknown> => {
    const text = await readFile(join(folder.path, "log/negotiator", file), "utf8");
    expect(text).toMatch(/^[^\n]+\}\n$/);
    return JSON.parse(text);
  };
  const { args, ...others } = FINISHED;
  expect(await lineOf("audit.jsonl")).toEqual({ time: TIME, ...others, arguments: args });
  expect(await lineOf("audit-denied.jsonl")).toEqual({
    time: TIME,
    role: "guest",
    direction: "outgoing",
    peer: {},
    callId: "c-2",
    method: "execute",
    command: "reboot",
    arguments: [],
    decision: "denied",
    rule: "no-match",
    reason: "no rule",
    errorCode: "DENIED",
  });
  expect((await stat(path)).mode & 0o777 & ~0o640).toBe(0);
  expect((await stat(join(folder.path, "log"))).mode & 0o777 & ~0o750).toBe(0);
});

test("new lines are appended to an existing file", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  await writeFile(path, '{"callId":"before"}\n', { mode: 0o640 });
  using audit = openAudit(optionsFor(path)[0]);
  audit.record(FINISHED);
  expect(await members(path, "callId")).toEqual(["before", "c-1"]);
});

test("a new line after half a line starts with a line end", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  await writeFile(path, '{"callId":"bef', { mode: 0o640 });
  using audit = openAudit(optionsFor(path)[0]);
  audit.record(FINISHED);
  audit.record(FINISHED);
  const lines = (await readFile(path, "utf8")).split("\n");
  expect(lines.map((line) => line.slice(0, 8))).toEqual(['{"callId', '{"time":', '{"time":', ""]);
});

test("a full file becomes .1, .1 becomes .2, and the oldest is removed", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const lineBytes = formatAuditLine(OWN, TIME, false).length + 1;
  const [options, problems] = optionsFor(path, { maxBytes: lineBytes * 2 + 1 });
  using audit = openAudit(options);
  for (let call = 1; call <= 8; call++) audit.record({ ...OWN, callId: `c-${call}` });
  expect((await readdir(folder.path)).sort()).toEqual([
    "audit.jsonl",
    "audit.jsonl.1",
    "audit.jsonl.2",
    "audit.jsonl.lock",
  ]);
  expect(await members(path, "callId")).toEqual(["c-7", "c-8"]);
  expect(await members(`${path}.1`, "callId")).toEqual(["c-5", "c-6"]);
  expect(await members(`${path}.2`, "callId")).toEqual(["c-3", "c-4"]);
  expect(problems).toEqual([]);
});

test("with keep 0 a full file is replaced; a line longer than maxBytes is still written", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  using audit = openAudit(optionsFor(path, { maxBytes: 10, keep: 0 })[0]);
  audit.record({ ...OWN, callId: "c-1" });
  audit.record({ ...OWN, callId: "c-2" });
  expect((await readdir(folder.path)).sort()).toEqual(["audit.jsonl", "audit.jsonl.lock"]);
  expect(await members(path, "callId")).toEqual(["c-2"]);
});

test("two writers of one file lose no line when either rotates it", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const lineBytes = formatAuditLine(OWN, TIME, false).length + 1;
  const [options] = optionsFor(path, { maxBytes: lineBytes * 3 + 1, keep: 9 });
  using one = openAudit(options);
  using other = openAudit(options);
  for (let call = 0; call < 10; call++) (call % 2 === 0 ? one : other).record({ ...OWN, callId: `${call}` });
  const names = (await readdir(folder.path))
    .filter((name) => !name.endsWith(".lock"))
    .sort()
    .reverse();
  const ids = await Promise.all(names.map((name) => members(join(folder.path, name), "callId")));
  expect(ids).toEqual([["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"], ["9"]]);
});

test("a file that was renamed or removed is created again, with and without reopen", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  using audit = openAudit(optionsFor(path)[0]);
  audit.record({ ...FINISHED, callId: "c-1" });
  await rename(path, `${path}.old`);
  audit.reopen();
  expect(existsSync(path)).toBe(true);
  audit.record({ ...FINISHED, callId: "c-2" });
  expect(await members(path, "callId")).toEqual(["c-2"]);
  await rm(path);
  audit.record({ ...FINISHED, callId: "c-3" });
  expect(await members(path, "callId")).toEqual(["c-3"]);
  expect(await members(`${path}.old`, "callId")).toEqual(["c-1"]);
});

test("links, pipes, directories and devices are refused and not changed", async () => {
  await using folder = await createFolder();
  const target = join(folder.path, "target");
  await writeFile(target, "untouched");
  const link = join(folder.path, "link");
  await symlink(target, link);
  const dangling = join(folder.path, "dangling");
  await symlink(join(folder.path, "absent"), dangling);
  const pipe = join(folder.path, "pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  const directory = join(folder.path, "directory");
  await mkdir(directory);

  for (const [path, says] of [
    [link, "symbolic link"],
    [dangling, "symbolic link"],
    [pipe, "it is not a regular file"],
    [directory, "EISDIR"],
    ["/dev/full", "it is not a regular file"],
  ] as const) {
    const [options, problems] = optionsFor(path);
    using audit = openAudit(options);
    audit.record(FINISHED);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining(says)]);
    expect(problems[0]?.message).toStartWith(`Cannot write the audit file "${path}": `);
  }
  expect(await readFile(target, "utf8")).toBe("untouched");
  expect(existsSync(join(folder.path, "absent"))).toBe(false);
});

test("a file or directory that others may write to is refused until its mode is corrected", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const [options, problems] = optionsFor(path);
  await chmod(folder.path, 0o777);
  using audit = openAudit(options);
  expect(await readdir(folder.path)).toEqual([]);
  await chmod(folder.path, 0o1777);
  await writeFile(path, "");
  await chmod(path, 0o666);
  audit.reopen();
  await chmod(path, 0o640);
  audit.record(FINISHED);
  expect(problems.map(({ message }) => message)).toEqual([
    `Cannot write the audit file "${path}": everybody may write to "${folder.path}"\n` +
      `Correct it with: chmod o-w ${folder.path}\n` +
      `Or set another path for the audit file, in the setting audit.file`,
    `Cannot write the audit file "${path}": its group or everybody may write to it\n` +
      `Correct it with: chmod go-w ${path}\n` +
      `Or set another path for the audit file, in the setting audit.file`,
  ]);
  expect(await members(path, "callId")).toEqual(["c-1"]);
});

test.if(process.getuid?.() === 0)("a file of another user is refused (needs root)", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  await writeFile(path, "", { mode: 0o640 });
  await chown(path, 65_534, 65_534);
  const [options, problems] = optionsFor(path);
  using audit = openAudit(options);
  audit.record(FINISHED);
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("it belongs to user 65534, not to root\n"),
  ]);
  expect(await readFile(path, "utf8")).toBe("");
});

test("a link that replaces the open file is refused", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const target = join(folder.path, "target");
  await writeFile(target, "");
  const [options, problems] = optionsFor(path);
  using audit = openAudit(options);
  await rm(path);
  await symlink(target, path);
  audit.record(FINISHED);
  expect(problems).toHaveLength(1);
  expect(await readFile(target, "utf8")).toBe("");
});

test("each kind of failure is reported once, and the next line that works counts the lost ones", async () => {
  await using folder = await createFolder();
  const parent = join(folder.path, "log");
  const path = join(parent, "audit.jsonl");
  await writeFile(parent, "a file where the directory should be");
  const [options, problems] = optionsFor(path);
  using audit = openAudit(options);
  for (let call = 0; call < 3; call++) audit.record(FINISHED);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toBeInstanceOf(NegotiatorError);

  await rm(parent);
  audit.record({ ...FINISHED, callId: "c-4" });
  audit.record({ ...FINISHED, callId: "c-5" });
  expect(await members(path, "callId")).toEqual([undefined, "c-4", "c-5"]);
  expect(await members(path, "lostLines")).toEqual([3, undefined, undefined]);
  expect(await members(path, "event")).toEqual(["lost", undefined, undefined]);
  expect(await members(path, "since")).toEqual([TIME, undefined, undefined]);
});

test("the count of lost lines has the time of the first of them", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const clock = { nowMs: Date.parse(TIME) };
  await symlink("/dev/null", path);
  using audit = openAudit(optionsFor(path, { now: () => clock.nowMs })[0]);
  audit.record(FINISHED);
  clock.nowMs += 60_000;
  audit.record(FINISHED);
  await rm(path);
  clock.nowMs += 60_000;
  audit.record(FINISHED);
  expect(await members(path, "since")).toEqual([TIME, undefined]);
  expect(await members(path, "lostLines")).toEqual([2, undefined]);
});

test("a failure after a success is reported again", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const [options, problems] = optionsFor(path);
  using audit = openAudit(options);
  for (let round = 1; round <= 3; round++) {
    await rm(path);
    await symlink("/dev/null", path);
    audit.record(FINISHED);
    audit.record(FINISHED);
    expect(problems).toHaveLength(round);
    await rm(path);
    audit.record(FINISHED);
    expect(await members(path, "lostLines")).toEqual([2, undefined]);
  }
});

test("a full disk is reported, and the next line that fits has the number of lost lines", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const script = `
    import { truncateSync } from "node:fs";
    import { openAudit } from "${join(import.meta.dir, "../../src/audit/audit.ts")}";
    const problems = [];
    const onProblem = ({ code, message }) => problems.push({ code, message });
    const options = { path: "${path}", maxBytes: 1e6, keep: 2, redactArguments: false, onFull: "count" };
    using audit = openAudit({ ...options, fsync: false, tryLock: () => true, onProblem });
    const entry = ${JSON.stringify(FINISHED)};
    for (let call = 1; call <= 20; call++) audit.record({ ...entry, callId: "c-" + call });
    const text = await Bun.file("${path}").text();
    // Makes room again: one whole line and a part of the next one stay.
    truncateSync("${path}", text.indexOf("\\n") + 11);
    audit.record({ ...entry, callId: "last" });
    console.log(JSON.stringify({ problems, kept: text.split("\\n").length - 1 }));
  `;
  // With this limit on file size and SIGXFSZ ignored, one write stores a part and the next one fails.
  const limited = 'trap "" XFSZ; ulimit -f 4; exec "$@"';
  const child = Bun.spawnSync(["sh", "-c", limited, "sh", process.execPath, "-e", script], {
    stderr: "inherit",
  });
  const { problems, kept } = JSON.parse(child.stdout.toString());
  expect(problems).toEqual([
    { code: "INTERNAL", message: expect.stringContaining(`Cannot write the audit file "${path}": EFBIG`) },
  ]);
  expect(kept).toBeGreaterThan(2);
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[1]).toHaveLength(10);
  expect(JSON.parse(lines[2] ?? "")).toMatchObject({ event: "lost", lostLines: 20 - kept });
  expect(JSON.parse(lines[3] ?? "")).toMatchObject({ callId: "last" });
});

test("an entry after the audit was closed is reported as CLOSED and not written", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const [options, problems] = optionsFor(path);
  const audit = openAudit(options);
  audit[Symbol.dispose]();
  audit[Symbol.dispose]();
  audit.record(FINISHED);
  expect(problems.map(({ code }) => code)).toEqual(["CLOSED"]);
  expect(await readFile(path, "utf8")).toBe("");
});

test("opening, reopening and refusing files a hundred times leaves no descriptor open", async () => {
  await using folder = await createFolder();
  const path = join(folder.path, "audit.jsonl");
  const leftBehind = await watchOpenFiles(/\/(?:negotiator-audit-|full$)/);
  for (let round = 0; round < 50; round++) {
    using audit = openAudit(optionsFor(path, { maxBytes: 300 })[0]);
    audit.record(FINISHED);
    audit.reopen();
    using refused = openAudit(optionsFor("/dev/full")[0]);
    refused.record(FINISHED);
  }
  expect(await leftBehind()).toEqual([]);
});
