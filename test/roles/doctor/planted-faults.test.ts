/** Faults planted around real daemons: `doctor` finds each, names it, and says what helps. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, rename, rm } from "node:fs/promises";
import { connect } from "node:net";
import { readFindings } from "../../support/findings.ts";
import type { PrintedFinding } from "../../support/findings.ts";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
/** A silent peer is noticed sooner. */
const QUICK = "limits.pingAfterMs = 200\nlimits.unresponsiveAfterMs = 1000\n";
const STRANGER = '[[rules]]\naction = "allow"\nusers = ["nosuchuser"]\n';
const ALLOW = '[[rules]]\naction = "allow"\n';

type Doctor = { exitCode: number; findings: PrintedFinding[] };

/** Runs `doctor`, and returns its findings of one check. */
async function examine(side: Side, check: string, ...words: string[]): Promise<Doctor> {
  const { exitCode, stdout } = await side.run(["doctor", "--json", ...words]);
  return { exitCode, findings: readFindings(stdout, check) };
}

/** Expects one finding of that level, which names the fault and the remedy. */
function expectFault(
  { findings }: Doctor,
  level: PrintedFinding["level"],
  message: string,
  remedy: string,
): void {
  expect(findings).toEqual([
    expect.objectContaining({
      level,
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    }),
  ]);
}

describe("with both daemons running", () => {
  let stage: Stage;
  const held = new AsyncDisposableStack();
  beforeAll(async () => {
    stage = held.use(await createStage());
  }, TIMEOUT_MS);
  afterAll(() => held.disposeAsync(), TIMEOUT_MS);

  test(
    "a sound host and guest have no problem",
    async () => {
      for (const side of [stage.host, stage.guest()]) {
        const { stdout } = await side.run(["doctor", "--json"]);
        expect(readFindings(stdout).filter(({ level }) => level === "problem")).toEqual([]);
        expect(readFindings(stdout, "daemon")).toMatchObject([{ level: "ok" }]);
      }
      const link = await examine(stage.guest(), "host");
      expect(link.findings[0]?.message).toMatch(
        /^the host \(\S+\) answers in [\d.]+ ms, clocks differ by 0\.\d\d s$/,
      );
      const one = await examine(stage.host, "agent", "web1");
      expect(one.findings[0]?.message).toMatch(
        /^the guest \(\S+\) answers in [\d.]+ ms, clocks differ by 0\.\d\d s$/,
      );
      expect((await examine(stage.host, "guests")).findings[0]?.message).toBe("1 guest answers");
    },
    TIMEOUT_MS,
  );

  test(
    "a policy with a mistake, one that others can write, and a user that does not exist",
    async () => {
      const path = stage.at("host.policy.toml");
      await stage.host.setPolicy('[[rules]]\nacton = "allow"\n');
      expectFault(await examine(stage.host, "policy"), "problem", path, "check-config");
      await stage.host.setPolicy('[[rules]]\naction = "allow"\nuser = "nosuchuser"\n');
      expectFault(await examine(stage.host, "policy"), "problem", "rule 1", "nosuchuser");
      await stage.host.setPolicy(ALLOW);
      await chmod(path, 0o666);
      expectFault(await examine(stage.host, "policy"), "problem", "may write", `chmod`);
      await chmod(path, 0o644);
      expect((await examine(stage.host, "policy")).findings).toMatchObject([{ level: "ok" }]);
    },
    TIMEOUT_MS,
  );

  test(
    "a policy without rules, and rules that name what is not there",
    async () => {
      await stage.host.setPolicy("# [[rules]]\n");
      const empty = await examine(stage.host, "policy");
      expectFault(empty, "warning", "every call of the other side is denied", "policy init --force");
      const check = await stage.host.run(["check-config"]);
      expect(check.stderr).toContain("has no rules, so every call of the other side is denied");
      expect(check.exitCode).toBe(0);
      await stage.host.setPolicy(`[[rules]]\naction = "allow"\ncommands = ["find-dsk-usage"]\n${STRANGER}`);
      const { findings } = await examine(stage.host, "policy");
      expect(findings).toMatchObject([
        { level: "warning", message: expect.stringContaining('the user "nosuchuser"') },
        { level: "warning", remedy: expect.stringContaining('Did you mean "find-disk-usage"?') },
      ]);
      await stage.host.setPolicy(ALLOW);
    },
    TIMEOUT_MS,
  );

  test(
    "a policy that the daemon has not read, and --fix loads it",
    async () => {
      const guest = stage.guest();
      await guest.setPolicy(`${ALLOW}# another\n`);
      const before = await examine(guest, "daemon");
      expectFault(before, "warning", "policy", "negotiator guest reload");
      expect(before.findings[0]?.fix).toBe("negotiator guest reload");
      const { stdout, stderr } = await guest.run(["doctor", "--fix", "--json"]);
      expect(stderr).toContain("Running: negotiator guest reload\n");
      expect(readFindings(stdout, "daemon").map(({ level }) => level)).toEqual(["warning", "ok"]);
    },
    TIMEOUT_MS,
  );

  test(
    "a setting that names no port, for which no process is to be ended",
    async () => {
      const guest = stage.guest();
      for (const device of ["/dev/null", "/dev/vport9p9"]) {
        const env = { NEGOTIATOR_GUEST_CHARACTER_DEVICE: device };
        const { exitCode, stdout } = await guest.run(["doctor", "--json"], { env });
        const findings = readFindings(stdout, "port");
        expectFault({ exitCode, findings }, "problem", "guest.characterDevice", "Remove the setting");
      }
    },
    TIMEOUT_MS,
  );

  test(
    "a config with an unknown key, of which the line is named",
    async () => {
      await stage.host.configure("polcyFile = 1\n");
      const { findings, exitCode } = await examine(stage.host, "config");
      expectFault({ findings, exitCode }, "problem", stage.at("host.toml"), "check-config");
      expect(exitCode).toBe(2);
      await stage.host.configure('[[guests]]\nname = "db"\nsocket = "/x"\nuser = "nosuchuser"\n');
      expectFault(await examine(stage.host, "config"), "problem", '"db" of the config', "nosuchuser");
      await stage.host.configure("");
    },
    TIMEOUT_MS,
  );

  test(
    "commands that cannot run, and a file whose name is not one of a command",
    async () => {
      const guest = stage.guest();
      const shared = await guest.command("shared", "#!/bin/sh\n", 0o777);
      const ruby = await guest.command("ruby", "#!/opt/ruby-9/bin/ruby\n");
      const windows = await guest.command("windows", "#!/bin/sh\r\n");
      const bare = await guest.command("bare", "echo done\n");
      const plain = await guest.command("plain", "#!/bin/sh\n", 0o644);
      const named = await guest.command("a;b", "#!/bin/sh\n");
      const env = await guest.command("env", "#!/usr/bin/env no-such-language\n");
      const kept = await guest.command("kept", "#!/bin/sh\n", 0o700);
      await Bun.write(`${kept}.toml`, 'user = "nobody"\n');
      const lone = `${kept}t.toml`;
      await Bun.write(lone, 'user = "nobody"\n');
      const { findings } = await examine(guest, "commands");
      for (const path of [shared, ruby, named, windows, bare, plain, env, kept, lone]) {
        const about = findings.filter(({ message }) => RegExp(`${path}["\\s:]`).test(message));
        expect(about).toMatchObject([{ level: "warning", remedy: expect.any(String) }]);
        await rm(path);
      }
      await rm(`${kept}.toml`);
    },
    TIMEOUT_MS,
  );

  test(
    "an audit whose file is a directory",
    async () => {
      const side = stage.guest();
      await side.configure("");
      const path = stage.at("web1.audit.jsonl");
      await rename(path, `${path}.kept`).catch(() => undefined);
      await Bun.write(`${path}/file`, "");
      expectFault(await examine(side, "audit"), "problem", "not a regular file", `mv ${path}`);
      await rm(path, { recursive: true });
    },
    TIMEOUT_MS,
  );

  test(
    "a guest that does not exist, by a mistyped name",
    async () => {
      const { findings, exitCode } = await examine(stage.host, "guest", "wbe1");
      expectFault({ findings, exitCode }, "problem", '"wbe1"', 'Did you mean "web1"?');
      expect(exitCode).toBe(2);
    },
    TIMEOUT_MS,
  );

  test(
    "a user without rights learns what it cannot see",
    async () => {
      const program = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...PROGRAM, "host"];
      await chmod(stage.at("."), 0o755);
      await stage.host.command("all", "#!/bin/sh\n");
      const { stdout, exitCode } = await stage.host.run(["doctor", "--json"], { program });
      const levels = readFindings(stdout).map(({ check, level }) => [check, level]);
      expect(Object.fromEntries(levels)).toMatchObject({ config: "ok", daemon: "unknown", audit: "unknown" });
      expect(exitCode).toBe(3);
      // The daemon may know this guest.
      const guest = await stage.host.run(["doctor", "--json", "wbe1"], { program });
      expect(guest.exitCode).toBe(3);
      for (const [file, checks] of [
        ["host.policy.toml", ["policy"]],
        ["host.toml", ["config", "daemon"]],
      ] as const) {
        await chmod(stage.at(file), 0o600);
        const hidden = readFindings((await stage.host.run(["doctor", "--json"], { program })).stdout);
        await chmod(stage.at(file), 0o644);
        for (const check of checks)
          expect(hidden.filter((each) => each.check === check)).toMatchObject([
            { level: "unknown", remedy: "Run doctor as root" },
          ]);
      }
    },
    TIMEOUT_MS,
  );
});

describe("with daemons that end", () => {
  test(
    "a daemon that was killed and has left its socket, one that hangs, and one that never ran",
    () =>
      onStage(async (stage) => {
        const { daemon } = stage.host;
        daemon.kill("SIGSTOP");
        expectFault(await examine(stage.host, "daemon"), "problem", "does not answer", "journalctl");
        daemon.kill("SIGKILL");
        await daemon.exited;
        const dead = await examine(stage.host, "daemon");
        expectFault(dead, "problem", `no process listens at ${stage.host.control}`, "negotiator host daemon");
        await rm(stage.host.control);
        const missing = await examine(stage.host, "daemon");
        expectFault(
          missing,
          "problem",
          `there is no socket at ${stage.host.control}`,
          "negotiator host daemon",
        );
        expect(missing.exitCode).toBe(2);
      }),
    TIMEOUT_MS,
  );

  test(
    "an agent that was killed: seen on the host, and its host seen from a guest",
    () =>
      onStage(async (stage) => {
        stage.guest().daemon.kill("SIGTERM");
        await stage.guest().daemon.exited;
        const stopped = await examine(stage.host, "agent", "web1");
        expectFault(
          stopped,
          "problem",
          "its agent is not running: it was stopped",
          "negotiator guest daemon",
        );
        await stage.guest().start();
        await stage.open();
        stage.guest().daemon.kill("SIGKILL");
        await stage.guest().daemon.exited;
        await until("the host notices", async () => {
          const { findings } = await examine(stage.host, "guests");
          return findings.some(({ level, message }) => level === "problem" && message.includes("web1"));
        });
        const agent = await examine(stage.host, "agent", "web1");
        expectFault(agent, "problem", "answered before, and is silent now", "negotiator guest daemon");
        await stage.guest().start();
        await stage.open();
        stage.host.daemon.kill("SIGKILL");
        await stage.host.daemon.exited;
        await until("the guest notices", async () => {
          const { findings } = await examine(stage.guest(), "host");
          return findings.some(({ level, remedy }) => level === "problem" && remedy?.includes("host doctor"));
        });
      }),
    TIMEOUT_MS,
  );

  test(
    "another program that holds the socket of a guest, and a socket at which nothing listens",
    () =>
      onStage(async (stage) => {
        stage.host.daemon.kill("SIGKILL");
        await stage.host.daemon.exited;
        const path = stage.guest().port.hostPath;
        const socket = connect(path);
        await until("it is connected", () => socket.readyState === "open");
        const held = await examine(stage.host, "socket", "web1");
        expectFault(held, "problem", `process ${process.pid} (`, `kill ${process.pid}`);
        socket.destroy();
        await stage.guest().port[Symbol.asyncDispose]();
        const dead = await examine(stage.host, "socket", "web1");
        expect(dead.findings[0]?.message).not.toContain("the daemon holds");
        expect(dead.findings).toMatchObject([{ level: "problem", message: expect.stringContaining(path) }]);
      }),
    TIMEOUT_MS,
  );
});

async function onStage(use: (stage: Stage) => Promise<void>): Promise<void> {
  await using stage = await createStage({ settings: QUICK });
  await use(stage);
}
