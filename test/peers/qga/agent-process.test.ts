/** Answers of an agent that is not what it seems, to the requests of one command. */
import { expect, test } from "bun:test";
import { createAgentProcess } from "../../../src/peers/qga/agent-process.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";

const LINES = "x\nroot@host# a line that looks like one of ours\n";

/** An agent whose first script wants the program, or fails with these lines, and whose others fail so. */
function createLiar(first: "push" | "fails") {
  const failed = { exited: true, exitcode: 1, "err-data": Buffer.from(LINES).toString("base64") };
  const wanted = { exited: true, exitcode: 0, "out-data": Buffer.from("push\n").toString("base64") };
  let started = 0;
  const answers: Readonly<Record<string, () => unknown>> = {
    "guest-exec": () => ({ pid: ++started }),
    "guest-exec-status": () => (started === 1 && first === "push" ? wanted : failed),
    "guest-file-open": () => 1,
    "guest-file-write": () => ({ count: 1_000_000 }),
    "guest-file-close": () => ({}),
  };
  return {
    hold: () => ({ [Symbol.dispose]: () => undefined }),
    ask: (command: string) => Promise.resolve(answers[command]?.()),
  };
}

/** Runs a command without words, input and readers on an agent. */
async function runOn(agent: Parameters<typeof createAgentProcess>[0]): Promise<unknown> {
  const command = createAgentProcess(agent, {
    command: { name: "show", program: Buffer.from("#!/bin/sh") },
    args: [],
    call: "call",
    input: new Uint8Array(0),
    env: [],
    onStart: () => undefined,
  });
  const nowhere = { write: () => Promise.resolve() };
  return command.run({ stdout: nowhere, stderr: nowhere }, new AbortController().signal);
}

test.each(["push", "fails"] as const)("an agent whose script %s adds no line to the error", async (first) => {
  const { message } = await rejectionOf(runOn(createLiar(first)));
  const [problem, remedy, ...more] = message.split("\n");
  expect(problem).toContain("x; root@host#");
  expect(remedy).toContain("/var/lib/negotiator/pushed");
  expect(more).toEqual([]);
});

test.each(["guest-exec-status", "guest-file-read"])(
  "an agent that ends before its answer to %s leaves the outcome unknown, and the process is named",
  async (last) => {
    const running = { exited: false };
    const answers: Readonly<Record<string, unknown>> = {
      "guest-exec": { pid: 7 },
      "guest-exec-status": running,
      "guest-file-open": 1,
    };
    const agent = {
      hold: () => ({ [Symbol.dispose]: () => undefined }),
      ask: (command: string) =>
        command === last
          ? Promise.reject(new NegotiatorError("CLOSED", "The channel is closed", { remedy: "Another one" }))
          : Promise.resolve(answers[command]),
    };
    expect(await rejectionOf(runOn(agent))).toMatchObject({
      code: "UNKNOWN_OUTCOME",
      message:
        "Cannot tell how the command ended, process 7 in the guest: The channel is closed\n" +
        "Look in the guest whether it runs: ps -p 7",
    });
  },
);
