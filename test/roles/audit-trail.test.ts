/** The audit of real daemons and command lines: who called what, and what cannot be hidden or washed out. */
import { expect, test } from "bun:test";
import { mkdir, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { dialControl } from "../../src/roles/cli/control-client.ts";
import { readLines } from "../support/audit-lines.ts";
import type { AuditLine } from "../support/audit-lines.ts";
import { createStage } from "../support/stage.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
const EXIT = "#!/bin/sh\nexit 0\n";

/** The lines of one file of a side, oldest first. */
function linesOf(stage: Stage, file: string): Promise<AuditLine[]> {
  return readLines(stage.at(file));
}

const ME = {
  uid: userInfo().uid,
  name: expect.any(String),
  pid: expect.any(Number),
  program: expect.any(String),
};

test(
  "a call has a line at its start and one at its end on both sides, with one id and the local user",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("count", "#!/bin/sh\nwc -c\nexit 3\n");
    await stage.host.run(["execute", "web1", "count", "a b"], { stdin: "12345" });
    const [host, guest] = [
      await linesOf(stage, "host.audit.jsonl"),
      await linesOf(stage, "web1.audit.jsonl"),
    ];
    const call = { method: "execute", user: ME, command: "count", arguments: ["a b"], decision: "allowed" };
    const started = { ...call, event: "start" };
    const ended = { ...call, exitCode: 3, endedBy: "command" };
    expect(host).toMatchObject([
      { ...started, role: "host", direction: "outgoing", peer: { guest: "web1" } },
      { ...ended, role: "host", direction: "outgoing", peer: { guest: "web1" } },
    ]);
    expect(guest).toMatchObject([
      { ...started, role: "guest", direction: "incoming", peer: {} },
      { ...ended, role: "guest", direction: "incoming", peer: {}, bytes: { stdin: 5, stdout: 2, stderr: 0 } },
    ]);
    expect(new Set([...host, ...guest].map(({ callId }) => callId)).size).toBe(1);
    expect(guest.at(-1)).not.toHaveProperty("event");
  },
  TIMEOUT_MS,
);

test(
  "a command that kills the daemon that runs it leaves its start line",
  async () => {
    await using stage = await createStage();
    await stage.host.command("kill-daemon", "#!/bin/sh\nkill -KILL $PPID\n");
    await stage.guest().run(["execute", "-t", "5", "kill-daemon", "now"]);
    expect(await stage.host.daemon.exited).toBe("SIGKILL");
    expect(await linesOf(stage, "host.audit.jsonl")).toMatchObject([
      { event: "start", peer: { guest: "web1" }, user: ME, command: "kill-daemon", arguments: ["now"] },
    ]);
  },
  TIMEOUT_MS,
);

test(
  "calls that ran nothing are in audit-denied.jsonl on both sides, calls that ran something are not",
  async () => {
    await using stage = await createStage();
    await stage
      .guest()
      .setPolicy('[[rules]]\naction = "deny"\ncommands = ["no"]\n[[rules]]\naction = "allow"\n');
    stage.guest().daemon.kill("SIGHUP");
    await stage.guest().daemon.says("were read again");
    for (const words of [["no"], ["missing"], ["find-distributor-id"]])
      await stage.host.run(["execute", "web1", ...words]);
    await stage.host.run(["execute", "-t", "5", "no-such-guest", "x"]);
    const refused = [
      { command: "no", decision: "denied" },
      { command: "missing", errorCode: "NO_COMMAND" },
    ];
    expect(await linesOf(stage, "web1.audit-denied.jsonl")).toMatchObject(refused);
    expect(await linesOf(stage, "host.audit-denied.jsonl")).toMatchObject([
      ...refused,
      { peer: { guest: "no-such-guest" }, command: "x", errorCode: "NO_GUEST", user: ME },
    ]);
    for (const file of ["host.audit.jsonl", "web1.audit.jsonl"])
      expect((await linesOf(stage, file)).map(({ command }) => command)).toEqual([
        "find-distributor-id",
        "find-distributor-id",
      ]);
  },
  TIMEOUT_MS,
);

/** Makes calls on one connection to the host's daemon, as one local user. Failed ones count too. */
async function callMany(stage: Stage, calls: readonly { guest: string; command: string; args?: string[] }[]) {
  await using control = await dialControl("host", stage.host.control);
  for (const { guest, command, args = [] } of calls) {
    const params = { guest, command, args };
    await control?.session
      .call({ method: "execute", params, timeoutMs: 20_000 })
      .answer.catch(() => undefined);
  }
}

test(
  "a thousand calls of a local user to unknown guests leave at most 61 lines, and none in audit.jsonl",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("named", EXIT);
    await callMany(stage, [{ guest: "web1", command: "named" }]);
    await callMany(
      stage,
      Array.from({ length: 1000 }, (_, index) => ({
        guest: `none-${index}`,
        command: "x".repeat(200),
        args: ["\u001b".repeat(4000)],
      })),
    );
    await stage.host.daemon[Symbol.asyncDispose]();
    expect((await linesOf(stage, "host.audit.jsonl")).map(({ command }) => command)).toEqual([
      "named",
      "named",
    ]);
    const denied = await linesOf(stage, "host.audit-denied.jsonl");
    expect(denied.length).toBeWithin(60, 62);
  },
  TIMEOUT_MS,
);

test(
  "a call of another command is written after a thousand calls that used up the caller's share",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const small = { NEGOTIATOR_AUDIT_MAX_BYTES: "400000", NEGOTIATOR_AUDIT_KEEP: "1" };
    await stage.host.start(small);
    await stage.guest().start();
    await stage.open();
    for (const name of ["harmless", "named"]) await stage.host.command(name, EXIT);
    await using control = await dialControl("guest", stage.guest().control);
    const call = (command: string, args: string[]) =>
      control?.session.call({ method: "execute", params: { command, args }, timeoutMs: 20_000 }).answer;
    for (let count = 0; count < 1000; count++) await call("harmless", ["x".repeat(4000)]);
    await call("named", ["secret"]);
    stage.host.daemon.kill("SIGTERM");
    await stage.host.daemon.exited;
    const lines = [
      ...(await linesOf(stage, "host.audit.jsonl.1")),
      ...(await linesOf(stage, "host.audit.jsonl")),
    ];
    expect(lines.filter(({ command }) => command === "named")).toMatchObject([
      { event: "start", arguments: ["secret"] },
      { exitCode: 0, arguments: ["secret"] },
    ]);
    const written = lines.filter(({ command, event }) => command === "harmless" && event === "start").length;
    // A busy machine needs so long that there are several counts.
    const counts = lines.filter(({ event }) => event === "left-out");
    expect(counts.length).toBeGreaterThan(0);
    for (const { ran, leftOut, commands } of counts)
      expect({ ran, commands }).toEqual({ ran: true, commands: { harmless: leftOut } });
    expect(counts.reduce((sum, { leftOut }) => sum + Number(leftOut), 0)).toBe(1000 - written);
  },
  TIMEOUT_MS,
);

test(
  "with audit.onFull = deny a command does not run while the audit file cannot be written",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await mkdir(stage.at("web1.audit.jsonl"));
    await guest.start({ NEGOTIATOR_AUDIT_ON_FULL: "deny" });
    await stage.host.start();
    await stage.open();
    await guest.command("touch", `#!/bin/sh\ntouch ${stage.at("ran")}\n`);
    const refused = await stage.host.run(["execute", "web1", "touch"]);
    expect(refused).toMatchObject({ exitCode: 125 });
    expect(refused.stderr).toContain('"touch"');
    expect(await Bun.file(stage.at("ran")).exists()).toBe(false);
    await rm(stage.at("web1.audit.jsonl"), { recursive: true });
    expect(await stage.host.run(["execute", "web1", "touch"])).toMatchObject({ exitCode: 0 });
    expect(await Bun.file(stage.at("ran")).exists()).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "a command line without a daemon writes both lines, with the same id and user as the guest",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    await stage.guest().start();
    await stage.guest().command("quick", EXIT);
    const port = `web1=${stage.guest().port.hostPath}`;
    expect(await stage.host.run(["execute", "--socket", port, "web1", "quick"])).toMatchObject({
      exitCode: 0,
    });
    await stage.host.run(["execute", "--socket", port, "web1", "missing"]);
    const [host, guest] = [
      await linesOf(stage, "host.audit.jsonl"),
      await linesOf(stage, "web1.audit.jsonl"),
    ];
    expect(host).toMatchObject([
      { event: "start", direction: "outgoing", peer: { guest: "web1" }, user: ME, command: "quick" },
      { direction: "outgoing", peer: { guest: "web1" }, user: ME, command: "quick", exitCode: 0 },
    ]);
    expect(guest.map(({ callId, user }) => ({ callId, user }))).toEqual(
      host.map(({ callId, user }) => ({ callId, user })),
    );
    expect(await linesOf(stage, "host.audit-denied.jsonl")).toMatchObject([
      { command: "missing", errorCode: "NO_COMMAND", user: ME },
    ]);
  },
  TIMEOUT_MS,
);

test(
  "the start line of a call that runs on is on both sides before its end",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("waiting", "#!/bin/sh\necho ready\nread line\n");
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "waiting"], { isOpen: true });
    expect(await running.firstLine()).toBe("ready");
    for (const file of ["host.audit.jsonl", "web1.audit.jsonl"])
      await until("the start is written", async () => (await linesOf(stage, file))[0]?.["event"] === "start");
    running.endInput();
    await running.ended();
    expect(await linesOf(stage, "host.audit.jsonl")).toHaveLength(2);
  },
  TIMEOUT_MS,
);

test(
  "a command line without a daemon writes down a call whose guest is unknown, and warns if it cannot",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const words = ["execute", "--socket", `lab=${stage.at("lab.sock")}`, "no-such-guest", "x"];
    expect(await stage.host.run(words)).toMatchObject({ exitCode: 125 });
    expect(await linesOf(stage, "host.audit-denied.jsonl")).toMatchObject([
      { role: "host", direction: "outgoing", peer: { guest: "no-such-guest" }, user: ME, command: "x" },
    ]);
    await rm(stage.at("host.audit.jsonl"));
    await mkdir(stage.at("host.audit.jsonl"));
    const port = `web1=${stage.guest().port.hostPath}`;
    await stage.guest().start();
    await stage.guest().command("quick", EXIT);
    const counted = await stage.host.run(["execute", "--socket", port, "web1", "quick"]);
    expect(counted).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("Cannot write the audit file"),
    });
    const denied = await stage.host.run(["execute", "--socket", port, "web1", "quick"], {
      env: { NEGOTIATOR_AUDIT_ON_FULL: "deny" },
    });
    expect(denied).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining("cannot be written down"),
    });
  },
  TIMEOUT_MS,
);

test(
  "a reload changes audit.onFull, also for the calls of local users",
  async () => {
    await using stage = await createStage();
    await rm(stage.at("host.audit.jsonl"));
    await mkdir(stage.at("host.audit.jsonl"));
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
    await stage.host.configure('audit.onFull = "deny"\n');
    stage.host.daemon.kill("SIGHUP");
    await stage.host.daemon.says("were read again");
    const refused = await stage.host.run(["execute", "web1", "find-distributor-id"]);
    expect(refused).toMatchObject({ exitCode: 125 });
    expect(refused.stderr).toContain('Cannot run "find-distributor-id": it cannot be written down');
    expect(await linesOf(stage, "host.audit-denied.jsonl")).toMatchObject([{ errorCode: "BUSY", user: ME }]);
    expect(await linesOf(stage, "web1.audit.jsonl")).toHaveLength(2);
  },
  TIMEOUT_MS,
);
