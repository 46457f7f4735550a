/** Daemons of python-negotiator in a given /proc, and the commands that stop them. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { findOldAgents, stopOldAgents } from "../../../src/roles/install/old-agent.ts";
import { errorOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

type Process = { words: readonly string[]; parent?: number; uid?: string; cgroup?: string; user?: string };

const DAEMON = ["/usr/bin/python3", "/usr/bin/negotiator-guest", "--daemon"];

/** Makes a /proc with these processes, and returns the daemons in it. */
async function find(processes: Readonly<Record<number, Process>>) {
  await using proc = await createTemporaryDirectory();
  const all: [string, Process][] = [...Object.entries(processes), ["self", { words: [] }]];
  for (const [pid, { words, parent = 1, uid = "0 0 0 0", cgroup = "", user = "us" }] of all) {
    await proc.write(`${pid}/stat`, `${pid} (x y) S ${parent} ${"0 ".repeat(30)}`);
    await proc.write(`${pid}/status`, `Name:\tx\nUid:\t${uid.replaceAll(" ", "\t")}\n`);
    await proc.write(`${pid}/cmdline`, words.join("\0"));
    await proc.write(`${pid}/cgroup`, cgroup);
    await mkdir(proc.at(pid, "ns"));
    await symlink(user, proc.at(pid, "ns", "user"));
    await symlink("pid", proc.at(pid, "ns", "pid"));
  }
  return findOldAgents("guest", proc.path);
}

test("a daemon is found by its interpreter, its name and its option, and is ended as a process", async () => {
  const found = { pid: 7, program: "negotiator-guest", stop: ["kill", "7"] };
  expect(await find({ 7: { words: DAEMON } })).toEqual([found]);
  expect(await find({ 7: { words: [...DAEMON.slice(0, 2), "-vd"] } })).toEqual([found]);
});

test.each([
  ["another interpreter", ["/usr/bin/perl", ...DAEMON.slice(1)]],
  ["the other role", [DAEMON[0] ?? "", "/usr/bin/negotiator-host", "--daemon"]],
  ["no daemon", DAEMON.slice(0, 2)],
  ["another option with a d", [...DAEMON.slice(0, 2), "--list-commands-d"]],
  ["no words", []],
])("a process is not a daemon of it: %s", async (_, words) => {
  expect(await find({ 7: { words } })).toEqual([]);
});

test("processes of other users, and of containers, do not count", async () => {
  expect(await find({ 7: { words: DAEMON, uid: "0 1000 0 0" } })).toEqual([]);
  expect(await find({ 7: { words: DAEMON, uid: "" } })).toEqual([]);
  expect(await find({ 7: { words: DAEMON, user: "of a container" } })).toEqual([]);
});

test("the workers of a daemon are not daemons, and a second daemon is", async () => {
  const found = await find({
    7: { words: DAEMON },
    8: { words: DAEMON, parent: 7 },
    9: { words: DAEMON },
  });
  expect(new Set(found.map(({ pid }) => pid))).toEqual(new Set([7, 9]));
});

/** Returns how a daemon is stopped that runs there. `parent` are the words of the process that started it. */
async function stopOf(cgroup: string, parent: readonly string[] = []) {
  return (await find({ 3: { words: parent }, 7: { words: DAEMON, parent: 3, cgroup } }))[0]?.stop;
}

test("a service is stopped by what starts it", async () => {
  const unit = "0::/system.slice/old.service\n";
  expect(await stopOf(unit)).toEqual(["systemctl", "disable", "--now", "old.service"]);
  expect(await stopOf("0::/user.slice/user@0.service\n")).toEqual(["kill", "7"]);
  expect(await stopOf(unit, ["/usr/bin/python3", "/usr/bin/supervisord"])).toEqual([
    "supervisorctl",
    "stop",
    "negotiator-guest",
  ]);
});

const AGENTS = [7, 8].map((pid) => ({ pid, program: "negotiator-guest", stop: ["kill", String(pid)] }));

test("without old daemons nothing is stopped, and with consent each is, even if that fails", () => {
  expect(stopOldAgents([], { stopsOld: false, mayAsk: false })).toEqual([]);
  expect(stopOldAgents(AGENTS, { stopsOld: true, mayAsk: false })).toMatchObject([
    { kind: "command", argv: ["kill", "7"], mayFail: true },
    { kind: "command", argv: ["kill", "8"], mayFail: true },
  ]);
});

test("without consent, and without a person to ask, an old daemon is in the way", () => {
  expect(errorOf(() => stopOldAgents(AGENTS, { stopsOld: false, mayAsk: false }))).toMatchObject({
    code: "BUSY",
    message:
      "Cannot install: python-negotiator runs here (negotiator-guest, process 7), and holds the ports\n" +
      "Stop it: kill 7; kill 8\nOr let the installation stop it: add --stop-old",
  });
});
