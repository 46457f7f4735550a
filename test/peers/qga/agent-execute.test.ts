/** A call of `execute` at an agent whose programs a test has written down. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { PeerCallOptions } from "../../../src/peers/peer.ts";
import type { PushedCommand } from "../../../src/peers/pushed-commands.ts";
import { startAgentExecute } from "../../../src/peers/qga/agent-execute.ts";
import { collect } from "../../support/collect.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { createScriptedAgent, ended } from "./scripted-agent.ts";
import type { Script } from "./scripted-agent.ts";

const CALL = "/var/lib/negotiator/pushed/calls/c_1";
const STREAMS = { read: ["stdout", "stderr"], timeoutMs: 0 };
const RUNS = { states: [[{ exited: false }]] };

type Options = Partial<PeerCallOptions> & {
  params?: unknown;
  timeoutSeconds?: number;
  life?: AbortSignal;
  isUnnamed?: true;
};

/** Starts a call with the id `c.1` at an agent. */
function start(script: Script, { params, timeoutSeconds, life, isUnnamed, ...options }: Options = {}) {
  const agent = createScriptedAgent(script);
  const command: PushedCommand = {
    name: "show",
    program: Buffer.from("#!/bin/sh"),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
  const line = {
    connection: agent,
    commands: {
      list: () => Promise.resolve([]),
      read: (name: string) =>
        name === "show" ? Promise.resolve(command) : Promise.reject(new NegotiatorError("NO_COMMAND", name)),
    },
    makeId: () => "made/up",
    life: life ?? new AbortController().signal,
  };
  const given = params ?? { command: "show", args: [] };
  const id = isUnnamed === true ? {} : { id: "c.1" };
  return { agent, call: startAgentExecute(line, given, { ...id, ...STREAMS, ...options }) };
}

/** Resolves when the agent has started the command. */
async function isStarted({ call, agent }: ReturnType<typeof start>): Promise<void> {
  while (!call.isSent || agent.environments.length === 0) await new Promise(setImmediate);
}

describe("a command that ends", () => {
  test("gives its output, exit code and bytes of input, and says that it has exited", async () => {
    const files = { [`${CALL}/out`]: ["some ", "text"], [`${CALL}/err`]: ["oops"] };
    const { call } = start({ files, states: [[ended()], [ended({ exitcode: 4 })]] }, { write: ["stdin"] });
    const told: unknown[] = [];
    call.listen((name, value) => void told.push([name, value]));
    expect(call.isSent).toBe(false);
    const input = call.writer("stdin");
    await input.write(Buffer.from("abc"));
    input.end();
    const output = await Promise.all(["stdout", "stderr"].map((name) => collect(call.reader(name))));
    expect(output.map(String)).toEqual(["some text", "oops"]);
    const end = { exitCode: 4, signal: null };
    expect(await call.result).toEqual({
      ...end,
      endedBy: "command",
      durationMs: expect.any(Number),
      inputBytes: 3,
    });
    expect(told).toEqual([["exited", end]]);
    expect(call.isSent).toBe(true);
  });

  test("runs in an environment with its name and the id of the call as a file name", async () => {
    const { agent, call } = start({});
    await call.result;
    expect(agent.environments[0]).toEqual([
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "LANG=C.UTF-8",
      "HOME=/root",
      "USER=root",
      "LOGNAME=root",
      "SHELL=/bin/sh",
      "NEGOTIATOR_ROLE=guest",
      "NEGOTIATOR_COMMAND=show",
      "NEGOTIATOR_CALL_ID=c_1",
    ]);
    expect(agent.asked.at(-1)).toBe(`remove ${CALL}`);
  });

  test("without an id of the caller gets one", async () => {
    const { agent, call } = start({}, { isUnnamed: true });
    await call.result;
    expect(agent.asked.at(-1)).toEndWith("/made_up");
  });

  test("drops the output that the caller does not read", async () => {
    const long = Array.from({ length: 40 }, () => "x".repeat(64 * 1024));
    const { call } = start({ files: { [`${CALL}/out`]: long } }, { read: ["stderr"] });
    expect(await call.result).toMatchObject({ exitCode: 0 });
    expect(errorOf(() => call.reader("stdout")).code).toBe("UNSUPPORTED");
    expect((await collect(call.reader("stderr"))).length).toBe(0);
  });
});

describe("the streams of a call", () => {
  test("are only those that were asked for", async () => {
    const { call } = start({});
    expect(errorOf(() => call.writer("stdin")).code).toBe("UNSUPPORTED");
    expect(errorOf(() => call.reader("stdin")).message).toContain('no stream "stdin"');
    await call.result;
  });
});

describe("a command that is ended", () => {
  test("by a cancel fails with CANCELLED, also its streams, and the guest ends its processes", async () => {
    const scene = start(RUNS);
    await isStarted(scene);
    scene.call.cancel("enough");
    const error = await rejectionOf(scene.call.result);
    expect([error.code, error.message]).toEqual(["CANCELLED", "The call was cancelled: enough"]);
    expect(await rejectionOf(collect(scene.call.reader("stderr")))).toBe(error);
    while (!scene.agent.asked.some((line) => line.startsWith("end 1 5"))) await new Promise(setImmediate);
  });

  test("by the signal of the caller is cancelled with its reason", async () => {
    const stop = new AbortController();
    const scene = start(RUNS, { signal: stop.signal });
    await isStarted(scene);
    stop.abort(new NegotiatorError("CANCELLED", "the user left"));
    expect((await rejectionOf(scene.call.result)).message).toContain("the user left");
  });

  test("by the end of the contact fails with its reason", async () => {
    const life = new AbortController();
    const scene = start(RUNS, { life: life.signal });
    await isStarted(scene);
    life.abort(new NegotiatorError("CLOSED", "the guest is gone"));
    expect((await rejectionOf(scene.call.result)).message).toBe("the guest is gone");
  });

  test("by its own deadline fails with TIMEOUT, which names the file to change", async () => {
    const { call } = start(RUNS, { timeoutSeconds: 0.001 });
    expect(await rejectionOf(call.result)).toMatchObject({
      code: "TIMEOUT",
      message:
        'The deadline of the command "show" has passed: the guest ends it now\n' +
        "Give it more time on the host: timeoutSeconds in show.toml, beside the command",
    });
  });

  test("by the caller's deadline fails with TIMEOUT, which names the option", async () => {
    const { call } = start(RUNS, { timeoutMs: 30 });
    const { code, message } = await rejectionOf(call.result);
    expect(code).toBe("TIMEOUT");
    expect(message).toMatch(/--timeout SECONDS$/);
  });
});

describe("a command that is not started", () => {
  test("because the host does not have it, or its parameters are wrong, sends nothing", async () => {
    const unknown = start({}, { params: { command: "other", args: [] } });
    expect((await rejectionOf(unknown.call.result)).code).toBe("NO_COMMAND");
    const wrong = start({}, { params: { command: 5 } });
    await rejectionOf(wrong.call.result);
    expect([unknown.agent.asked, wrong.agent.asked]).toEqual([[], []]);
    expect([unknown.call.isSent, wrong.call.isSent]).toEqual([false, false]);
    expect((await rejectionOf(collect(unknown.call.reader("stdout")))).code).toBe("NO_COMMAND");
  });

  test("because it was cancelled while it waited for its input sends nothing", async () => {
    const { agent, call } = start({}, { write: ["stdin"] });
    call.cancel("enough");
    expect((await rejectionOf(call.result)).code).toBe("CANCELLED");
    call.writer("stdin").end();
    await new Promise(setImmediate);
    expect(agent.asked).toEqual([]);
  });
});

describe("a message to a command", () => {
  test("that is a signal is sent and acknowledged, and any other is dropped", async () => {
    const scene = start(RUNS);
    const told: unknown[] = [];
    scene.call.listen((name, value) => void told.push([name, value]));
    await isStarted(scene);
    for (const [name, value] of [
      ["other", { signal: "SIGINT" }],
      ["signal", { signal: "INT; rm" }],
      ["signal", "SIGINT"],
      ["signal", { signal: "SIGUSR1" }],
    ] as const)
      scene.call.send(name, value);
    while (told.length === 0) await new Promise(setImmediate);
    expect(told).toEqual([["signalled", { signal: "SIGUSR1" }]]);
    expect(scene.agent.asked.filter((line) => line.startsWith("signal"))).toEqual(["signal USR1 1"]);
    scene.call.cancel("enough");
    await rejectionOf(scene.call.result);
  });
});
