/** The requests of one command in their order, and the result of each end. */
import { describe, expect, test } from "bun:test";
import { createAgentProcess } from "../../../src/peers/qga/agent-process.ts";
import type { AgentProcess } from "../../../src/peers/qga/agent-process.ts";
import { programDigest, runScript } from "../../../src/peers/qga/push-command.ts";
import { createAgentCalls } from "../../../src/peers/qga/agent-calls.ts";
import { PREPARE, REMOVE } from "../../../src/peers/qga/start-script.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { base64, createScriptedAgent, ended } from "./scripted-agent.ts";
import type { Script, ScriptedAgent, State } from "./scripted-agent.ts";

const ROOM = "/var/lib/negotiator/pushed";
const CALL = `${ROOM}/calls/c1`;
const PROGRAM = Buffer.from("#!/bin/sh");
const DIGEST = programDigest(PROGRAM);
const RUNS: State = { exited: false };
const START_WORDS = `start ${ROOM} ${DIGEST} show c1 a b`;

/** A command at an agent, and its output. */
function createScene(script: Script, input = "") {
  const agent = createScriptedAgent(script);
  const output = { stdout: "", stderr: "" };
  let starts = 0;
  const command = createAgentProcess(agent, {
    command: { name: "show", program: PROGRAM },
    args: ["a", "b"],
    call: "c1",
    input: Buffer.from(input),
    env: ["A=1"],
    onStart: () => starts++,
  });
  const sinkOf = (name: "stdout" | "stderr") => ({
    async write(bytes: Uint8Array) {
      output[name] += Buffer.from(bytes).toString();
    },
  });
  const sinks = { stdout: sinkOf("stdout"), stderr: sinkOf("stderr") };
  const run = (signal = new AbortController().signal): ReturnType<AgentProcess["run"]> =>
    command.run(sinks, signal);
  return { agent, command, output, run, starts: () => starts };
}

/** The end of a command for which the agent's last answer has these members. */
function end(more: Partial<State>): ReturnType<AgentProcess["run"]> {
  return createScene({ states: [[{ exited: true, ...more }]] }).run();
}

/** The requests that start with one of these words. */
function requests({ asked }: ScriptedAgent, ...words: string[]): string[] {
  return asked.filter((line) => words.includes(line.split(" ", 1)[0] ?? ""));
}

describe("a command that runs", () => {
  test("without input is started, read to the end of both outputs, closed and removed", async () => {
    const files = { [`${CALL}/out`]: ["one ", "two ", "three"], [`${CALL}/err`]: ["oops"] };
    const { agent, command, output, run, starts } = createScene({
      states: [[RUNS, ended({ exitcode: 7 })]],
      files,
    });
    expect(command.isStarted).toBe(false);
    expect(await run()).toEqual({ exitCode: 7, signal: null });
    expect(output).toEqual({ stdout: "one two three", stderr: "oops" });
    expect(agent.asked).toEqual([
      START_WORDS,
      `open ${CALL}/out r`,
      `open ${CALL}/err r`,
      `close ${CALL}/out`,
      `close ${CALL}/err`,
      `remove ${CALL}`,
    ]);
    expect(agent.environments).toEqual([["A=1"], undefined]);
    expect([command.isStarted, starts(), agent.holders()]).toEqual([true, 1, 0]);
  });

  test("with input gets it in a file before its start", async () => {
    const { agent, run } = createScene({}, "fed");
    await run();
    expect(agent.asked).toEqual([
      `prepare ${CALL}`,
      `open ${CALL}/in w`,
      `write ${CALL}/in fed`,
      `close ${CALL}/in`,
      START_WORDS,
      `remove ${CALL}`,
    ]);
  });

  test("and that the guest does not have is written, placed and started again", async () => {
    const states = [[ended({ "out-data": base64("push\n") })], [ended()], [RUNS, ended({ exitcode: 2 })]];
    const { agent, run, starts } = createScene({ states });
    expect(await run()).toEqual({ exitCode: 2, signal: null });
    const [unfinished, place] = ["/.c1", "/show"].map((name) => `${ROOM}/commands/${DIGEST}${name}`);
    expect(agent.asked).toEqual([
      START_WORDS,
      `open ${unfinished} w`,
      `write ${unfinished} #!/bin/sh`,
      `close ${unfinished}`,
      `place ${unfinished} ${place}`,
      START_WORDS,
      `remove ${CALL}`,
    ]);
    expect(starts()).toBe(2);
  });

  test("and ends by a signal gives its name, and without both the outcome is unknown", async () => {
    expect(await end({ signal: 9 })).toEqual({ exitCode: null, signal: "SIGKILL" });
    expect(await end({ exitcode: 0 })).toEqual({ exitCode: 0, signal: null });
    expect((await rejectionOf(end({}))).code).toBe("UNKNOWN_OUTCOME");
  });
});

describe("a command that cannot start", () => {
  test("because its directory cannot be made is INTERNAL, and is not started", async () => {
    const failed = ended({ exitcode: 1, "err-data": base64("mkdir: no space\n") });
    const { agent, command, run } = createScene({ states: [[RUNS, failed]] }, "fed");
    expect(await rejectionOf(run())).toMatchObject({
      code: "INTERNAL",
      message:
        'Cannot start the command "show" in the guest: mkdir: no space\n' +
        `Look in the guest whether ${ROOM} can be written`,
    });
    expect(agent.asked).toEqual([`prepare ${CALL}`]);
    expect([command.isStarted, agent.holders()]).toEqual([false, 0]);
  });

  test.each([
    ["err-data", "sh: not found"],
    ["out-data", "a word"],
  ] as const)("because the script says something in %s is INTERNAL", async (member, text) => {
    const { run } = createScene({ states: [[ended({ [member]: base64(text) })]] });
    expect(await rejectionOf(run())).toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining(`in the guest: ${text}\n`),
    });
  });

  test("because it cannot be placed is INTERNAL, and its file is closed", async () => {
    const failed = ended({ exitcode: 1, "err-data": base64("mv: no space\n") });
    const { agent, run } = createScene({ states: [[ended({ "out-data": base64("push\n") })], [failed]] });
    expect(await rejectionOf(run())).toMatchObject({
      code: "INTERNAL",
      message:
        'Cannot put the command "show" into the guest: mv: no space\n' +
        `Make room for it in the guest, under ${ROOM}`,
    });
    expect(requests(agent, "start", "remove", "close")).toHaveLength(2);
  });
});

describe("signals and the end of a command", () => {
  test("go to its process while it runs", async () => {
    const { agent, command, run, starts } = createScene({ states: [[RUNS]] });
    const stop = new AbortController();
    const running = rejectionOf(run(stop.signal));
    while (starts() === 0) await Promise.resolve();
    await command.send("SIGINT");
    await command.end();
    stop.abort(new NegotiatorError("CANCELLED", "enough"));
    expect((await running).code).toBe("CANCELLED");
    expect(requests(agent, "signal", "end", "remove")).toEqual(["signal INT 1", `end 1 5 ${CALL}`]);
    expect(agent.holders()).toBe(0);
  });

  test("reach no process before its start and after its end, and an end removes its files", async () => {
    const { agent, command, run } = createScene({});
    await command.send("SIGINT");
    expect(agent.asked).toEqual([]);
    await run();
    await command.send("SIGINT");
    await command.end();
    expect(requests(agent, "signal", "end", "remove")).toEqual([`remove ${CALL}`, `remove ${CALL}`]);
  });
});

describe("runScript", () => {
  const { signal } = new AbortController();

  test("resolves with the error output of a script that fails, also an empty one", async () => {
    const agent = createScriptedAgent({
      states: [[ended()], [ended({ exitcode: 1, "err-data": base64("bad") })], [ended({ exitcode: 2 })]],
    });
    const run = () => runScript(createAgentCalls(agent), [REMOVE, "/x"], signal);
    expect([await run(), await run(), await run()]).toEqual([undefined, "bad", ""]);
    expect(agent.asked).toEqual(["remove /x", "remove /x", "remove /x"]);
  });

  test("is given up when its signal aborts", async () => {
    const agent = createScriptedAgent({ states: [[RUNS]] });
    const stop = AbortSignal.abort(new NegotiatorError("CANCELLED", "enough"));
    expect((await rejectionOf(runScript(createAgentCalls(agent), [PREPARE, "/x"], stop))).code).toBe(
      "CANCELLED",
    );
  });
});
