/** Commands of a host at a real QEMU guest agent, here at a unix socket. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { AGENT } from "../../../src/peers/qga/agent.ts";
import type { PushedCommands } from "../../../src/peers/pushed-commands.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import type { ExecuteRequest, RemoteCommand } from "../../../src/peers/remote-command.ts";
import { collect } from "../../support/collect.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { withMoreTime } from "../../support/more-time.ts";
import { startQemuAgent } from "../../support/qemu-agent.ts";
import type { RunningAgent } from "../../support/qemu-agent.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../../support/timeouts.ts";
import { until } from "../../support/until.ts";

const SCRIPTS: Readonly<Record<string, string>> = {
  show: 'echo "$1"; echo err >&2; exit 7',
  cat: "exec cat",
  slow:
    "echo first; read -r _ </dev/null; " +
    'while [ -d "${1%/*}" ] && [ ! -e "$1" ]; do sleep 0.01; done; echo last',
  trap: "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.01; done",
  nap: "echo $$; sleep 1000 & exec sleep 1000",
  where: 'pwd; umask; echo "$NEGOTIATOR_ROLE $NEGOTIATOR_COMMAND"; env | wc -l',
};

const COMMANDS: PushedCommands = {
  list: () => Promise.resolve(Object.keys(SCRIPTS).map((name) => ({ name, kind: "user" }))),
  read: (name) =>
    Promise.resolve({ name, program: new TextEncoder().encode(`#!/bin/sh\n${SCRIPTS[name]}\n`) }),
};

let agent: RunningAgent;
beforeAll(async () => void (agent = await startQemuAgent()), TEST_TIMEOUT_MS);
afterAll(() => agent[Symbol.asyncDispose](), TEST_TIMEOUT_MS);

const life = new AbortController();
const peer = AGENT.createPeer({
  agent: { name: "test", version: "0", role: "host" },
  makeId: () => crypto.randomUUID(),
  limits: DEFAULT_LIMITS,
  dial: (signal) => dialSocket(agent.socket, { signal }),
  isUpgraded: () => false,
  upgradedPeer: () => Promise.reject(new Error("no other agent")),
  pushed: COMMANDS,
  life: life.signal,
});

async function next(output: AsyncIterator<Uint8Array>): Promise<string> {
  const piece = await output.next();
  return Buffer.from(piece.value ?? []).toString();
}

function execute(command: string, options: Partial<ExecuteRequest> = {}): RemoteCommand {
  return executeOn(peer, { command, args: [], timeoutMs: STEP_TIMEOUT_MS, hasInput: false, ...options });
}

test(
  "a command gets its arguments, and gives both outputs and its exit code",
  async () => {
    const call = execute("show", { args: ["a 'b' \"c\" ä\n$HOME"] });
    const [stdout, stderr] = await Promise.all([collect(call.stdout), collect(call.stderr)]);
    expect([stdout.toString(), stderr.toString()]).toEqual(["a 'b' \"c\" ä\n$HOME\n", "err\n"]);
    expect(await call.ended).toMatchObject({ exitCode: 7, signal: null, endedBy: "command" });
  },
  TEST_TIMEOUT_MS,
);

test(
  "input of 300 kB goes in and comes out unchanged, and is counted",
  async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const input = Buffer.concat([bytes, bytes, bytes, bytes, bytes]);
    const call = execute("cat", { hasInput: true });
    await call.stdin?.write(input);
    call.stdin?.end();
    const [stdout] = await Promise.all([collect(call.stdout), collect(call.stderr)]);
    expect(stdout.equals(input)).toBe(true);
    expect((await call.ended).inputBytes).toBe(input.length);
  },
  TEST_TIMEOUT_MS,
);

test(
  "output comes while the command runs, and other calls are answered beside it",
  async () => {
    const flag = `${agent.directory}/flag-${crypto.randomUUID()}`;
    const call = execute("slow", { args: [flag] });
    void collect(call.stderr);
    const output = call.stdout[Symbol.asyncIterator]();
    expect(await next(output)).toBe("first\n");
    const beside = execute("show", { args: ["beside"] });
    void collect(beside.stderr);
    expect((await collect(beside.stdout)).toString()).toBe("beside\n");
    await Bun.write(flag, "");
    expect(await next(output)).toBe("last\n");
    expect((await call.ended).exitCode).toBe(0);
  },
  TEST_TIMEOUT_MS,
);

test(
  "a signal reaches the command, which decides how it ends",
  async () => {
    const call = execute("trap");
    const told: unknown[] = [];
    call.listen((name, value) => told.push([name, value]));
    void collect(call.stderr);
    const output = call.stdout[Symbol.asyncIterator]();
    expect(await next(output)).toBe("ready\n");
    call.send("signal", { signal: "SIGINT" });
    expect(await next(output)).toBe("caught\n");
    expect((await call.ended).exitCode).toBe(9);
    expect(told).toContainEqual(["signalled", { signal: "SIGINT" }]);
    expect(told).toContainEqual(["exited", { exitCode: 9, signal: null }]);
  },
  TEST_TIMEOUT_MS,
);

/** Starts `nap`, and returns the process id of its group. */
async function startNap(options: Partial<ExecuteRequest>): Promise<{ call: RemoteCommand; group: number }> {
  const call = execute("nap", options);
  void collect(call.stderr).catch(() => undefined);
  const line = await next(call.stdout[Symbol.asyncIterator]()).catch(() => "");
  return { call, group: Number(line) };
}

function isGone(group: number): boolean {
  try {
    process.kill(-group, 0);
    return false;
  } catch {
    return true;
  }
}

test(
  "at its deadline a command ends with TIMEOUT, and all its processes are ended",
  async () => {
    const { call, group } = await withMoreTime(
      (timeMs) => startNap({ timeoutMs: 4 * timeMs }),
      (nap) => nap.group > 0,
    );
    expect(await rejectionOf(call.ended)).toMatchObject({
      code: "TIMEOUT",
      message:
        "The deadline has passed: the guest ends the command now\nGive it more time: --timeout SECONDS",
    });
    await until("its processes are gone", () => isGone(group), STEP_TIMEOUT_MS);
  },
  TEST_TIMEOUT_MS,
);

test(
  "a cancelled command fails with CANCELLED, and all its processes are ended",
  async () => {
    const { call, group } = await startNap({});
    call.cancel("the test wants no more");
    const error = await rejectionOf(call.ended);
    expect(error).toMatchObject({ code: "CANCELLED" });
    expect(error.message).toContain("the test wants no more");
    await until("its processes are gone", () => isGone(group), STEP_TIMEOUT_MS);
  },
  TEST_TIMEOUT_MS,
);

test(
  "a command starts in the root directory with few variables and the usual mask",
  async () => {
    const call = execute("where");
    const [stdout] = await Promise.all([collect(call.stdout), collect(call.stderr)]);
    const [directory, mask, names, count] = stdout.toString().split("\n");
    expect([directory, mask, names]).toEqual(["/", "0022", "guest where"]);
    expect(Number(count)).toBeLessThan(15);
  },
  TEST_TIMEOUT_MS,
);

test("the peer has no other methods, and no notices", () => {
  expect(() => peer.call("info", {}, { timeoutMs: 0 })).toThrow('has no method "info"');
  expect(() => peer.notify("event", {})).toThrow("accepts no notices");
});
