/** The connection to a QEMU guest agent, here a scripted one in memory. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createAgentConnection } from "../../../src/peers/qga/agent-connection.ts";
import type { AgentConnection } from "../../../src/peers/qga/agent-connection.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { STEP_TIMEOUT_MS } from "../../support/timeouts.ts";
import { until } from "../../support/until.ts";

/** Answers one request; undefined for no answer. */
type Answer = (request: { execute: string; arguments?: unknown }) => string | undefined;

/** Serves a channel as an agent does. `greeting` is what it still had to say to an earlier client. */
async function serve(channel: Channel, answer: Answer, greeting: string): Promise<void> {
  let text = "";
  await channel.write(Buffer.from(greeting, "latin1"));
  for await (const bytes of channel) {
    text += Buffer.from(bytes).toString("latin1").replaceAll("\xff", "");
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
      const request = JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
      const isSync = request.execute === "guest-sync-delimited";
      const answered = isSync ? `\xff{"return": ${request.arguments.id}}` : answer(request);
      if (answered === "hang up") return channel.close();
      if (answered !== undefined) await channel.write(Buffer.from(`${answered}\n`, "latin1"));
    }
  }
}

type Scripted = { connection: AgentConnection; life: AbortController; dialled: () => number };

function connect(answer: Answer, greeting = ""): Scripted {
  const life = new AbortController();
  let dialled = 0;
  const dial = async (): Promise<Channel> => {
    dialled++;
    const pair = createMemoryPair({ capacityBytes: 64 * 1024 * 1024 });
    pair.flow();
    void serve(pair.ends[1], answer, greeting).catch(() => undefined);
    return pair.ends[0];
  };
  return { connection: createAgentConnection(dial, life.signal), life, dialled: () => dialled };
}

const echo: Answer = ({ execute }) => JSON.stringify({ return: execute });

const LEFTOVERS: readonly [name: string, greeting: string][] = [
  ["nothing", ""],
  ["whole answers", '{"return": {}}\n{"return": 5}\n'],
  ["the end of an answer", 'ue}, {"enabled": false}]}}\n'],
  ["an answer to another synchronisation", '\xff{"return": 1}\n'],
  ["an error without an id", '{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'],
  ["the beginning of an answer", '{"return": {"pid":'],
];

test.each(LEFTOVERS)("after %s for an earlier client, the answer to ours is found", async (_, greeting) => {
  const { connection } = connect(echo, greeting);
  expect(await connection.ask("guest-ping")).toBe("guest-ping");
});

test.each([
  ["lines after a reset", "\xff{}\n"],
  ["other lines", "{}\n"],
])("an agent that sends %s without end is left", async (_, line) => {
  const { connection } = connect(echo, line.repeat(100_000));
  const { code, message } = await rejectionOf(connection.ask("guest-ping"));
  expect(code).toBe("BAD_FRAME");
  expect(message).toContain("does not answer, but sends other lines");
});

test("requests that are made together are answered in their order, over one channel", async () => {
  const { connection, dialled } = connect(echo);
  using _ = connection.hold();
  const names = ["one", "two", "three"];
  expect(await Promise.all(names.map((name) => connection.ask(name)))).toEqual(names);
  expect(dialled()).toBe(1);
});

test("the channel is closed when no caller holds the connection, and opened again", async () => {
  const { connection, dialled } = connect(echo);
  const held = connection.hold();
  await connection.ask("one");
  held[Symbol.dispose]();
  await until(
    "the channel is closed",
    async () => (await connection.ask("two")) === "two" && dialled() === 2,
    STEP_TIMEOUT_MS,
  );
});

const REFUSALS: readonly [error: object, code: string, text: string][] = [
  [
    { class: "CommandNotFound", desc: "The command x has not been found" },
    "UNSUPPORTED",
    "Allow it in the guest",
  ],
  [
    { class: "CommandNotFound", desc: "Command x has been disabled" },
    "UNSUPPORTED",
    "/etc/qemu/qemu-ga.conf",
  ],
  [
    { class: "CommandNotFound", desc: "x: the agent is in frozen state" },
    "BUSY",
    "Thaw its file systems first",
  ],
  [{ class: "GenericError", desc: "failed\u001b]0;title\u0007" }, "INTERNAL", "failed\\x1b]0;title"],
  [{ class: 5 }, "INTERNAL", "it does not say why"],
];

test.each(REFUSALS)("the error %j becomes %s with: %s", async (error, code, text) => {
  const { connection, dialled } = connect(() => JSON.stringify({ error }));
  using _ = connection.hold();
  const refusal = await rejectionOf(connection.ask("x"));
  expect(refusal).toMatchObject({ code });
  expect(refusal.message).toContain(text);
  await rejectionOf(connection.ask("x"));
  expect(dialled()).toBe(1);
});

const BAD_ANSWERS: readonly [name: string, answer: string, code: string][] = [
  ["text that is no JSON", "nonsense", "BAD_FRAME"],
  ["a list", "[]", "BAD_FRAME"],
  ["an object without an answer", '{"event": "x"}', "BAD_FRAME"],
  ["deep nesting", `{"return": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "BAD_FRAME"],
  ["a line without an end", "x".repeat(9 * 1024 * 1024), "TOO_LARGE"],
  ["the end of the channel", "hang up", "CLOSED"],
];

test.each(BAD_ANSWERS)("%s is an error, and the next request dials again", async (_name, answer, code) => {
  const answers = [answer];
  const { connection, dialled } = connect((request) => answers.shift() ?? echo(request));
  using _ = connection.hold();
  const error = await rejectionOf(connection.ask("guest-ping"));
  expect(error).toMatchObject({ code });
  expect(await connection.ask("guest-ping")).toBe("guest-ping");
  expect(dialled()).toBe(2);
});

test("a request without an answer fails when the guest is gone", async () => {
  const { connection, life } = connect(() => undefined);
  const asked = rejectionOf(connection.ask("guest-ping"));
  life.abort(new NegotiatorError("CLOSED", "gone"));
  expect((await asked).message).toContain("gone");
});
