/** A python-negotiator 0.1 as a peer. The agent has to survive each test. */
import { describe, expect, test } from "bun:test";
import { executeOn, listCommandsOf } from "../../../src/peers/remote-command.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { withMoreTime } from "../../support/more-time.ts";
import { frame } from "../../support/old-client.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";
import { runOn } from "../legacy/legacy-calls.ts";
import { createOldestPeer, createOldestPort } from "./oldest-calls.ts";

const ran = (stdout: string, exitCode = 0): object => ({ stdout, exitCode, signal: null });

describe("a call", () => {
  const OUTCOMES = [
    ["execute gives the output of its command", { command: "echo", args: ["a  b", "c"] }, ran("a  b c\n")],
    [
      "arguments outside of ASCII arrive",
      { command: "echo", args: ["naïve", "😀\n☃"] },
      ran("naïve 😀\n☃\n"),
    ],
    ["find-distributor-id calls the method", { command: "find-distributor-id" }, ran("Ubuntu\n")],
    ["find-distribution-release calls the method", { command: "find-distribution-release" }, ran("12.04\n")],
    [
      "find-distribution-codename calls the method",
      { command: "find-distribution-codename" },
      ran("precise\n"),
    ],
    ["find-ip-addresses gives lines", { command: "find-ip-addresses" }, ran("127.0.0.1/8\n192.0.2.2/24\n")],
    ["a method ignores arguments", { command: "find-distributor-id", args: ["x"] }, ran("Ubuntu\n")],
    ["exit code 3 of a failed command arrives", { command: "fail", args: ["3"] }, ran("", 3)],
    [
      "exit code -9 is reported as SIGKILL",
      { command: "fail", args: ["-9"] },
      { exitCode: null, signal: "SIGKILL" },
    ],
    ["a missing command is NO_COMMAND", { command: "none" }, { code: "NO_COMMAND" }],
    [
      "a missing command with arguments is NO_COMMAND",
      { command: "none", args: ["x"] },
      { code: "NO_COMMAND" },
    ],
    ["a command that cannot start is NOT_EXECUTABLE", { command: "forbidden" }, { code: "NOT_EXECUTABLE" }],
    ["empty input is sent as no input", { command: "cat", input: "" }, ran("nothing\n")],
    ["5 MB of output are accepted", { command: "long", args: ["5000000"] }, { exitCode: 0 }],
  ] as const;
  test.each(OUTCOMES)("%s", async (_, request, outcome) => {
    const port = createOldestPort();
    expect(await runOn(createOldestPeer(port.dial), request)).toMatchObject(outcome);
    await until("the agent waits for the next call", () => port.agent.isIdle);
    expect(port.agent.death).toBeUndefined();
  });

  test("the error of a missing command names a remedy that works there, and quotes the agent", async () => {
    const port = createOldestPort();
    const error = await runOn(createOldestPeer(port.dial), { command: "none" });
    expect(error).toMatchObject({
      message:
        'The command "none" failed with exit code 127: the old agent did not find it or its interpreter, ' +
        "or it chose that exit code itself\n" +
        "Use a program that its daemon finds in its PATH, or a whole path; " +
        "the old agent reports: External command failed with exit code 127! (command: bash -c none)",
    });
  });

  test("ten calls in a row get their own answers, failures among them", async () => {
    const port = createOldestPort();
    const peer = createOldestPeer(port.dial);
    for (let round = 0; round < 5; round++) {
      expect(await runOn(peer, { command: "fail", args: [String(round + 1)] })).toMatchObject(
        ran("", round + 1),
      );
      expect(await runOn(peer, { command: "echo", args: [String(round)] })).toMatchObject(ran(`${round}\n`));
    }
    expect(port.agent.calls).toHaveLength(20);
    expect({ served: port.served, death: port.agent.death }).toEqual({ served: 10, death: undefined });
  });

  test("input is refused with a remedy, without a call to the agent", async () => {
    const port = createOldestPort();
    const peer = createOldestPeer(port.dial);
    expect(await runOn(peer, { command: "cat", input: "x" })).toMatchObject({
      code: "UNSUPPORTED",
      message:
        "The peer (python-negotiator 0.1 or 0.2) takes no input for a command\n" +
        "Call again without input: add -n to execute, or </dev/null",
    });
    expect({ dialled: port.dialled, callCount: peer.callCount }).toEqual({ dialled: 0, callCount: 0 });
  });

  test("list-commands and notices are UNSUPPORTED, with the release and a remedy", async () => {
    const port = createOldestPort();
    const peer = createOldestPeer(port.dial);
    const error = await rejectionOf(listCommandsOf(peer, { timeoutMs: 0 }));
    expect(error).toMatchObject({
      code: "UNSUPPORTED",
      message:
        'The peer (python-negotiator 0.1 or 0.2) has no method "list-commands"\n' +
        "Install negotiator at the other end, as MIGRATING.md describes",
    });
    expect(errorOf(() => peer.notify("event", {})).code).toBe("UNSUPPORTED");
    expect(port.dialled).toBe(0);
  });

  test("a call whose channel is cut is CLOSED, and the next call works", async () => {
    const gate = Promise.withResolvers<void>();
    const port = createOldestPort({
      work: ({ args }) => (args[1] === "first" ? gate.promise : Promise.resolve()),
    });
    const peer = createOldestPeer(port.dial);
    const first = runOn(peer, { command: "echo", args: ["first"] });
    await until("the agent works", () => port.agent.calls.length === 2);
    port.cut();
    expect(await first).toMatchObject({ code: "CLOSED" });
    const second = runOn(peer, { command: "echo", args: ["second"] });
    gate.resolve();
    expect(await second).toMatchObject(ran("second\n"));
    expect(port.agent.death).toBeUndefined();
  });
});

describe("a caller that left before the end", () => {
  test.each([
    ["whose output comes late", "echo", true],
    ["whose output is lost", "echo", false],
    ["whose failure comes late", "fail", true],
  ])(
    "a command %s does not disturb the next calls, and the agent lives on",
    async (_, command, keepsOutput) => {
      const { port, peer, left, open } = await withMoreTime(
        async (timeoutMs) => {
          const gate = Promise.withResolvers<void>();
          let isGated = true;
          const work = (): Promise<void> => (isGated ? gate.promise : Promise.resolve());
          const port = createOldestPort({ work }, () => keepsOutput);
          const peer = createOldestPeer(port.dial);
          const left = await runOn(peer, { command, args: ["7"], timeoutMs });
          const open = (): void => {
            isGated = false;
            gate.resolve();
          };
          return { port, peer, left, open, hasBegun: port.agent.calls.length === 2 };
        },
        ({ hasBegun }) => hasBegun,
      );
      expect(left).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("may go on") });
      open();
      await waitTurns(20);
      for (const word of ["a", "b"])
        expect(await runOn(peer, { command: "echo", args: [word], timeoutMs: 60_000 })).toMatchObject(
          ran(`${word}\n`),
        );
      expect(port.agent.death).toBeUndefined();
    },
  );

  test("a hello whose sender left is answered by the next hello", async () => {
    const port = createOldestPort();
    const first = await port.dial();
    await first.write(new TextEncoder().encode(frame({ command: "negotiate:old", arguments: [] })));
    await until("the agent has turned it back", () => port.agent.calls.length === 1);
    await first.close();
    const peer = createOldestPeer(port.dial);
    expect(await runOn(peer, { command: "echo", args: ["x"], timeoutMs: 60_000 })).toMatchObject(ran("x\n"));
    expect(port.agent.death).toBeUndefined();
  });
});

/** A peer whose agent is a script: it gets each frame of ours, and what it returns is sent to us. */
function createScriptedPeer(answer: (request: Record<string, unknown>, count: number) => readonly object[]) {
  const requests: Record<string, unknown>[] = [];
  const peer = createOldestPeer(async () => {
    const pair = createMemoryPair({ capacityBytes: 64 * 1024 * 1024 });
    pair.flow();
    const [ours, theirs] = pair.ends;
    void (async () => {
      let text = "";
      for await (const bytes of theirs) {
        text += Buffer.from(bytes).toString("latin1");
        for (;;) {
          const count = Number.parseInt(text, 10);
          const start = text.indexOf("\n") + 1;
          if (Number.isNaN(count) || text.length < start + count) break;
          const request = JSON.parse(text.slice(start, start + count));
          text = text.slice(start + count);
          requests.push(request);
          for (const object of answer(request, requests.length))
            await theirs.write(Buffer.from(frame(object))).catch(() => undefined);
        }
      }
    })();
    return ours;
  });
  return { peer, requests };
}

/** Repeats the result of our hello at once, and then sends these objects. */
function createHostilePeer(...objects: readonly object[]) {
  return createScriptedPeer((request, count) =>
    count === 1 ? [{ success: true, result: request["command"] }] : objects,
  );
}

describe("a hostile agent", () => {
  test.each<[string, object, object]>([
    ["a result that is a number", { success: true, result: 5 }, { code: "BAD_REQUEST" }],
    ["a result that is null", { success: true, result: null }, { code: "BAD_REQUEST" }],
    ["lines that are numbers", { success: true, result: ["a", 1] }, { code: "BAD_REQUEST" }],
    ["success that is text", { success: "yes", result: "x" }, { code: "BAD_FRAME" }],
    ["an answer without success and result", { other: "x" }, { code: "BAD_FRAME" }],
    ["success without a result", { success: true }, { code: "BAD_FRAME" }],
    ["a refusal without a text", { success: false }, { code: "INTERNAL" }],
    [
      "a failure that is an object",
      { command: "send", arguments: [{ success: false, error: {} }] },
      { code: "INTERNAL" },
    ],
    ["1 MB of lines", { success: true, result: ["x".repeat(1_100_000)] }, { code: "TOO_LARGE" }],
    ["half a surrogate pair", { success: true, result: "\ud800" }, { code: "BAD_FRAME" }],
  ])("%s is an error of the call", async (_, object, error) => {
    const { peer } = createHostilePeer(object);
    expect(await runOn(peer, { command: "echo", timeoutMs: 60_000 })).toMatchObject(error);
  });

  test("an agent that turns our command back gets a response, and the call fails", async () => {
    const { peer, requests } = createScriptedPeer((request, count) => {
      if (count === 1) return [{ success: true, result: request["command"] }];
      return count === 2 ? [request] : [{ success: true, result: request["result"] }];
    });
    expect(await runOn(peer, { command: "echo", timeoutMs: 60_000 })).toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("Command execute not supported"),
    });
    expect(requests[2]).toEqual({ success: true, result: null });
  });

  test("an agent that turns back everything fails the call with BAD_FRAME", async () => {
    const { peer } = createScriptedPeer((request, count) =>
      count === 1 ? [{ success: true, result: request["command"] }] : [{ command: "x" }],
    );
    expect(await runOn(peer, { command: "echo", timeoutMs: 60_000 })).toMatchObject({ code: "BAD_FRAME" });
  });

  test("invalid messages without end fail the call with BAD_FRAME", async () => {
    const { peer } = createScriptedPeer(() => Array.from({ length: 40 }, () => ({ text: "\ud800" })));
    expect(await runOn(peer, { command: "echo", timeoutMs: 60_000 })).toMatchObject({ code: "BAD_FRAME" });
  });

  test("an agent that never repeats the hello is TIMEOUT, and the command was not sent", async () => {
    const { peer, requests } = createScriptedPeer(({ command }, count) => (count > 50 ? [] : [{ command }]));
    expect(await runOn(peer, { command: "echo", timeoutMs: 300 })).toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining("was not sent"),
    });
    expect(requests.some(({ command }) => command === "execute")).toBe(false);
  });

  test("a long command name in its requests does not reach the error as a whole", async () => {
    const { peer } = createScriptedPeer((request, count) => {
      if (count === 1) return [{ success: true, result: request["command"] }];
      return count === 2 ? [{ command: "y".repeat(1_000_000) }] : [{ success: true, result: null }];
    });
    const error = await runOn(peer, { command: "echo", timeoutMs: 60_000 });
    expect(error).toMatchObject({ code: "INTERNAL" });
    expect(JSON.stringify(error).length).toBeLessThan(5000);
  });
});

test("a command that waits for its turn is cancelled without a call to the agent", async () => {
  const gate = Promise.withResolvers<void>();
  const port = createOldestPort({ work: () => gate.promise });
  const peer = createOldestPeer(port.dial);
  const first = runOn(peer, { command: "echo", args: ["first"] });
  await until("the agent works", () => port.agent.calls.length === 2);
  const second = executeOn(peer, { command: "echo", args: ["second"], hasInput: false, timeoutMs: 0 });
  second.cancel("the test wants it so");
  expect((await rejectionOf(second.ended)).code).toBe("CANCELLED");
  gate.resolve();
  expect(await first).toMatchObject(ran("first\n"));
  expect(port.agent.calls).toHaveLength(2);
});
