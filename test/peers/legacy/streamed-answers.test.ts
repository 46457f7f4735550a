/** Answers of an old agent: their output is passed on while they arrive, in any size up to the limit. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { executeOn, listCommandsOf } from "../../../src/peers/remote-command.ts";
import type { RemoteCommand } from "../../../src/peers/remote-command.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { until } from "../../support/until.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { createPeerOver, runOn } from "./legacy-calls.ts";

setDefaultTimeout(180_000);

const MIB = 1024 * 1024;
const ECHO = { command: "echo", args: ["x"] };

/** An agent that refuses each hello, and leaves the answer to each request to `answer`. */
function createScriptedAgent(
  answer: (write: (text: string) => Promise<void>) => unknown,
  limits: Limits = DEFAULT_LIMITS,
) {
  const dial = async (): Promise<Channel> => {
    const pair = createMemoryPair({ capacityBytes: 256 * 1024 });
    const [host, agent] = pair.ends;
    pair.flow();
    const write = (text: string): Promise<void> => agent.write(Buffer.from(text)).catch(() => undefined);
    void (async () => {
      for await (const bytes of agent) {
        const [, nonce] = /"method": "negotiate:([^"]+)"/.exec(Buffer.from(bytes).toString()) ?? [];
        if (nonce === undefined) void answer(write);
        else await write(framed(`{"success": false, "error": "Method negotiate:${nonce} not supported"}`));
      }
    })();
    return host;
  };
  return createPeerOver(dial, undefined, { limits });
}

const framed = (json: string): string => `${json.length}\n${json}`;

/** An agent that gives this answer to each request. */
const answering = (json: string, limits?: Limits) =>
  createScriptedAgent((write) => write(framed(json)), limits);

const start = (peer: ReturnType<typeof createPeerOver>): RemoteCommand =>
  executeOn(peer, { ...ECHO, hasInput: false, timeoutMs: 0 });

/** Counts the bytes of a stream, and does not hold them. */
async function count(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of stream) bytes += piece.length;
  return bytes;
}

describe("an answer of 20 MiB", () => {
  test("as a result: all of its output arrives", async () => {
    const remote = start(answering(`{"result": "${"x\\n".repeat(10 * MIB)}", "success": true}`));
    const [bytes, { exitCode }] = await Promise.all([count(remote.stdout), remote.ended]);
    expect({ bytes, exitCode }).toEqual({ bytes: 20 * MIB, exitCode: 0 });
  });

  test("as the error of a failed command: all of its output arrives, and its exit code", async () => {
    const words = "External command failed with exit code 3!\\n\\nCommand:\\nx\\n\\nStandard output:\\n";
    const remote = start(answering(`{"success": false, "error": "${words}${"y".repeat(20 * MIB)}"}`));
    const [bytes, { exitCode }] = await Promise.all([count(remote.stdout), remote.ended]);
    expect({ bytes, exitCode }).toEqual({ bytes: 20 * MIB + 1, exitCode: 3 });
  });
});

const failing = (bytes: number): string =>
  `{"success": false, "error": "External command failed with exit code 3!\\n\\nCommand:\\nx\\n\\n` +
  `Standard output:\\n${"y".repeat(bytes)}"}`;
const succeeding = (bytes: number): string => `{"result": "${"\\u00e9".repeat(bytes / 2)}", "success": true}`;

describe("a limit of 1000 bytes of output", () => {
  const limits = { ...DEFAULT_LIMITS, foreignAnswerBytes: 1000 };
  test.each([
    ["a result", succeeding, 0],
    ["a failure", failing, 3],
  ] as const)("lets 1000 bytes of %s pass, and refuses 1002", async (_, make, exitCode) => {
    expect(await runOn(answering(make(1000), limits), ECHO)).toMatchObject({ exitCode });
    expect(await runOn(answering(make(1002), limits), ECHO)).toMatchObject({
      code: "TOO_LARGE",
      message:
        "The old agent's answer has more than 1000 bytes of output\n" +
        "Raise limits.foreignAnswerBytes in the config, and restart the daemon",
    });
  });
});

describe("the members of an answer", () => {
  const OUTCOMES: [string, string, object][] = [
    [
      "success without a result",
      '{"success": true}',
      { code: "BAD_FRAME", message: expect.stringContaining('no "result"') },
    ],
    ["a result without success", '{"result": "one"}', { exitCode: 0, stdout: "one\n" }],
    [
      "an error without success",
      '{"error": "no room"}',
      { code: "INTERNAL", message: expect.stringContaining("no room") },
    ],
    [
      "neither result nor success",
      '{"other": 1}',
      { code: "BAD_FRAME", message: expect.stringContaining('neither "success" nor "result"') },
    ],
    ["an empty object", "{}", { code: "BAD_FRAME", message: expect.stringContaining("neither") }],
    [
      "success that is a number",
      '{"result": "one", "success": 1}',
      { code: "BAD_FRAME", message: expect.stringContaining("neither true nor false") },
    ],
    [
      "a result that is null",
      '{"result": null, "success": true}',
      { code: "BAD_REQUEST", message: expect.stringContaining("not text") },
    ],
    [
      "a result that is a number",
      '{"success": true, "result": 5}',
      { code: "BAD_REQUEST", message: expect.stringContaining("not text") },
    ],
    [
      "a failure without a reason",
      '{"success": false}',
      { code: "INTERNAL", message: expect.stringContaining("no reason") },
    ],
    [
      "a failure behind a result",
      '{"result": "one", "success": false, "error": "late"}',
      { code: "BAD_FRAME", message: expect.stringContaining("late") },
    ],
    [
      "a result behind success",
      '{"success": true, "other": {"a": ["}"]}, "result": "one"}',
      { exitCode: 0, stdout: "one\n" },
    ],
    [
      "an error that is null",
      '{"error": null, "result": "one", "success": true}',
      { exitCode: 0, stdout: "one\n" },
    ],
  ];
  test("decide how a call ends: twelve answers", async () => {
    for (const [what, json, outcome] of OUTCOMES) {
      const ended = await runOn(answering(json), ECHO);
      expect([what, ended]).toEqual([what, expect.objectContaining(outcome)]);
    }
  });

  test("a list of commands with a name that is not text is refused", async () => {
    const error = await rejectionOf(
      listCommandsOf(answering('{"result": ["a", 1], "success": true}'), { timeoutMs: 0 }),
    );
    expect(error.code).toBe("BAD_REQUEST");
  });
});

test("output arrives before the answer has ended", async () => {
  const rest = Promise.withResolvers<void>();
  const remote = start(
    createScriptedAgent(async (write) => {
      await write('4096\n{"result": "first\\nsec');
      await rest.promise;
      await write('ond\\n", "success": true}');
    }),
  );
  const received: string[] = [];
  const reading = (async () => {
    for await (const bytes of remote.stdout) received.push(Buffer.from(bytes).toString());
  })();
  await until("the first line arrives", () => received.join("") === "first\nsec");
  rest.resolve();
  await reading;
  expect(received.join("")).toBe("first\nsecond\n");
  expect(await remote.ended).toMatchObject({ exitCode: 0 });
});

test("an agent waits while the caller does not read the output of its command", async () => {
  let writtenBytes = 0;
  const remote = start(
    createScriptedAgent(async (write) => {
      await write(`${8 * MIB}\n{"result": "`);
      for (let piece = 0; piece < 128; piece++) {
        await write("x".repeat(64 * 1024));
        writtenBytes += 64 * 1024;
      }
      await write('", "success": true}');
    }),
  );
  await until("the agent has begun", () => writtenBytes > 0);
  let before = -1;
  await until("the agent stands still", async () => {
    const isStill = writtenBytes === before;
    before = writtenBytes;
    await Bun.sleep(50);
    return isStill;
  });
  expect(writtenBytes).toBeLessThan(2 * MIB);
  const [bytes] = await Promise.all([count(remote.stdout), remote.ended]);
  expect(bytes).toBe(8 * MIB + 1);
});

test("an error after a result adds no line to ours", async () => {
  const answer = JSON.stringify({ success: false, result: "a", error: "x\nroot@host# like a line of ours" });
  const { message } = await rejectionOf(start(answering(answer)).ended);
  expect(message).toContain("reported a failure: x; root@host#");
  expect(message).not.toContain("\n");
});
