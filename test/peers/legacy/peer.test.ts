/** A python-negotiator as a peer: its calls, and their queue. The old agent has to survive each test. */
import { executeOn, listCommandsOf } from "../../../src/peers/remote-command.ts";
import { describe, expect, test } from "bun:test";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { withUnbrokenWrites } from "../../../src/peers/queued/unbroken-writes.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { withMoreTime } from "../../support/more-time.ts";
import { createOldPort } from "../../support/old-port.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";
import { COMMANDS, createPeerOver, runOn } from "./legacy-calls.ts";

const ran = (stdout: string, exitCode = 0): object => ({ stdout, exitCode, signal: null });

describe("a call", () => {
  const OUTCOMES = [
    ["a call gives the output of its command", { command: "echo", args: ["a  b", "c"] }, ran("a  b c\n")],
    [
      "arguments outside of ASCII arrive unchanged",
      { command: "echo", args: ["naïve", "😀\n☃"] },
      ran("naïve 😀\n☃\n"),
    ],
    ["input arrives unchanged", { command: "cat", input: "one\ntwo\n" }, ran("one\ntwo\n")],
    ["input keeps its byte order mark", { command: "cat", input: "\ufeffone" }, ran("\ufeffone\n")],
    ["empty input is sent as no input", { command: "cat", input: "" }, ran("nothing\n")],
    ["exit code 3 comes with the command's output", { command: "fail", args: ["3"] }, ran("partial\n", 3)],
    [
      "exit code -9 is reported as SIGKILL",
      { command: "fail", args: ["-9"] },
      { ...ran("partial\n"), exitCode: null, signal: "SIGKILL" },
    ],
    [
      "exit code 127 with output is the command's own",
      { command: "fail", args: ["127"] },
      ran("partial\n", 127),
    ],
    ["several lines of output arrive unchanged", { command: "cat", input: "one\ntwo" }, ran("one\ntwo")],
    ["a missing command is NO_COMMAND", { command: "none" }, { code: "NO_COMMAND" }],
    [
      "a command that is not executable is NOT_EXECUTABLE",
      { command: "forbidden", args: ["x"] },
      { code: "NOT_EXECUTABLE" },
    ],
    ["5 MB of output are accepted", { command: "long", args: ["5000000"] }, { exitCode: 0 }],
    [
      "1 MB of input arrives unchanged",
      { command: "cat", input: `${"y".repeat(1_000_000)}\n` },
      ran(`${"y".repeat(1_000_000)}\n`),
    ],
  ] as const;
  test.each(OUTCOMES)("%s", async (_, request, outcome) => {
    const port = createOldPort({ commands: COMMANDS });
    expect(await runOn(createPeerOver(port.dial), request)).toMatchObject(outcome);
    expect(port.agent.death).toBeUndefined();
  });

  test("a call sends one hello and one request over one channel", async () => {
    const port = createOldPort({ commands: COMMANDS });
    const peer = createPeerOver(port.dial);
    await listCommandsOf(peer, { timeoutMs: 1000 });
    expect(port.agent.calls.map(({ method }) => method)).toEqual([
      expect.stringMatching(/^negotiate:/),
      "list_commands",
    ]);
    expect(port.served).toBe(1);
    expect(port.agent.isIdle).toBe(true);
  });

  test("random arguments and random input arrive unchanged", async () => {
    const seed = chooseSeed();
    const random = createRandom(seed);
    const received: unknown[] = [];
    const port = createOldPort({
      commands: {
        take(args, input) {
          received.push([...args, input]);
          return {};
        },
      },
    });
    const peer = createPeerOver(port.dial);
    const text = (): string =>
      Array.from({ length: random.below(40) }, () =>
        String.fromCodePoint(
          random.pick([1 + random.below(127), 128 + random.below(0xd000), 0x10000 + random.below(0xfffff)]),
        ),
      ).join("");
    for (let round = 0; round < 100; round++) {
      const args = Array.from({ length: random.below(5) }, text);
      const input = text();
      await runOn(peer, { command: "take", args, input });
      expect({ seed, got: received.pop() }).toEqual({ seed, got: [...args, input === "" ? null : input] });
    }
    expect(port.agent.death).toBeUndefined();
  });

  test("input that is not UTF-8 or over 8 MiB is refused without a call to the agent", async () => {
    const port = createOldPort({ commands: COMMANDS });
    const peer = createPeerOver(port.dial);
    expect(await runOn(peer, { command: "cat", input: Uint8Array.of(0xff) })).toMatchObject({
      code: "BAD_REQUEST",
    });
    const tooLarge = new Uint8Array(8 * 1024 * 1024 + 1);
    expect(await runOn(peer, { command: "cat", input: tooLarge })).toMatchObject({ code: "TOO_LARGE" });
    expect(port.agent.calls).toEqual([]);
    expect(peer.callCount).toBe(0);
  });

  test("a call whose input does not end rejects with TIMEOUT and sends nothing to the agent", async () => {
    const port = createOldPort({ commands: COMMANDS });
    const remote = executeOn(createPeerOver(port.dial), {
      command: "cat",
      args: [],
      hasInput: true,
      timeoutMs: 20,
    });
    await remote.stdin?.write(Buffer.from("one"));
    const error = await rejectionOf(remote.ended);
    expect(error.code).toBe("TIMEOUT");
    expect(error.message).toContain("was not sent");
    expect(port.agent.calls).toEqual([]);
  });

  test("a call whose deadline passes before the answer to the hello is TIMEOUT, not made", async () => {
    const pair = createMemoryPair();
    pair.flow();
    const ended = await runOn(
      createPeerOver(async () => pair.ends[0]),
      { command: "echo", timeoutMs: 10 },
    );
    expect(ended).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("was not sent") });
  });

  test("a call whose deadline passes after the request is TIMEOUT, and may go on", async () => {
    const { ended, calls } = await withMoreTime(
      async (timeoutMs) => {
        const { port, peer } = createGated();
        const ended = await runOn(peer, { command: "echo", args: ["wait"], timeoutMs });
        return { ended, calls: port.agent.calls.length };
      },
      (outcome) => outcome.calls === 2,
    );
    expect(calls).toBe(2);
    expect(ended).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("may go on") });
  });

  test("a cancelled call rejects with its reason", async () => {
    const { port, peer } = createGated();
    const remote = executeOn(peer, { command: "echo", args: ["wait"], hasInput: false, timeoutMs: 0 });
    await until("the agent works", () => port.agent.calls.length === 2);
    remote.cancel("interrupted by SIGINT");
    expect((await rejectionOf(remote.ended)).message).toBe("The call was cancelled: interrupted by SIGINT");
  });

  test("an unreadable answer is BAD_FRAME, and the next call works", async () => {
    const scripted = createOldPort({ commands: { half: () => ({ fault: "\ud800" }), ...COMMANDS } });
    const peer = createPeerOver(scripted.dial);
    expect(await runOn(peer, { command: "half" })).toMatchObject({ code: "BAD_FRAME" });
    expect(await runOn(peer, { command: "echo", args: ["next"] })).toMatchObject(ran("next\n"));
    expect(scripted.agent.death).toBeUndefined();
  });

  test("a cut channel fails its call with CLOSED, and the next call works", async () => {
    const gate = Promise.withResolvers<void>();
    const port = createOldPort({
      commands: COMMANDS,
      work: ({ args }) => (args[1] === "first" ? gate.promise : Promise.resolve()),
    });
    const peer = createPeerOver(port.dial);
    const first = runOn(peer, { command: "echo", args: ["first"] });
    await until("the agent works", () => port.agent.calls.length === 2);
    port.cut();
    expect(await first).toMatchObject({ code: "CLOSED" });
    const second = runOn(peer, { command: "echo", args: ["second"] });
    gate.resolve();
    expect(await second).toMatchObject(ran("second\n"));
    expect(port.agent.death).toBeUndefined();
  });

  test("a request whose caller cancels halfway is written to its end", async () => {
    const port = createOldPort({ commands: COMMANDS });
    const [halfway, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let writes = 0;
    const peer = createPeerOver(async () => {
      const channel = await port.dial();
      return {
        ...channel,
        [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
        async write(bytes: Uint8Array) {
          writes++;
          // The first is the hello.
          if (writes !== 2) return channel.write(bytes);
          await channel.write(bytes.subarray(0, 20));
          halfway.resolve();
          await gate.promise;
          return channel.write(bytes.subarray(20));
        },
      };
    });
    const remote = executeOn(peer, { command: "echo", args: ["torn"], hasInput: false, timeoutMs: 0 });
    await halfway.promise;
    remote.cancel("the test wants it so");
    expect((await rejectionOf(remote.ended)).code).toBe("CANCELLED");
    await waitTurns(10);
    gate.resolve();
    expect(await runOn(peer, { command: "echo", args: ["next"], timeoutMs: 60_000 })).toMatchObject(
      ran("next\n"),
    );
    expect(port.agent.calls[1]?.args).toEqual(["echo", "torn"]);
    expect(port.agent.death).toBeUndefined();
  });

  test("a channel whose agent stops reading is closed after a while", async () => {
    const channel = withUnbrokenWrites(createMemoryPair({ capacityBytes: 1 }).ends[0], 20);
    const writing = rejectionOf(channel.write(new Uint8Array(2)));
    await channel.close();
    expect((await writing).code).toBe("CLOSED");
  });
});

/** Commands with the argument `wait` run until `open`. */
const createGated = () => {
  const gate = Promise.withResolvers<void>();
  const work = ({ args }: { args: readonly unknown[] }): Promise<void> =>
    args[1] === "wait" ? gate.promise : Promise.resolve();
  const port = createOldPort({ commands: COMMANDS, work });
  return { port, peer: createPeerOver(port.dial), open: () => gate.resolve() };
};

describe("the queue of calls", () => {
  test("three calls are made one after the other, and callCount counts them", async () => {
    const { port, peer, open } = createGated();
    const ends: string[] = [];
    const calls = ["wait", "b", "c"].map(async (word) => {
      await runOn(peer, { command: "echo", args: [word] });
      ends.push(word);
    });
    await until("the first is under way", () => port.agent.calls.length === 2);
    expect(peer.callCount).toBe(3);
    expect(port.served).toBe(1);
    open();
    await Promise.all(calls);
    expect(ends).toEqual(["wait", "b", "c"]);
    expect(peer.callCount).toBe(0);
  });

  test("32 calls wait, and the next one is refused with BUSY", async () => {
    const { peer, open } = createGated();
    const calls = Array.from({ length: 32 }, (_, index) =>
      runOn(peer, { command: "echo", args: [index === 0 ? "wait" : String(index)] }),
    );
    await waitTurns(3);
    expect(peer.callCount).toBe(32);
    const refused = await runOn(peer, { command: "echo" });
    expect(refused).toMatchObject({
      code: "BUSY",
      message: expect.stringContaining("32 calls already wait for the peer (python-negotiator)"),
    });
    open();
    expect((await Promise.all(calls)).every((end) => !(end instanceof NegotiatorError))).toBe(true);
    expect(await runOn(peer, { command: "echo", args: ["room"] })).toMatchObject(ran("room\n"));
  });

  test("a waiting call whose deadline passes is never made, and the next one still waits", async () => {
    const { port, peer, open } = createGated();
    const first = runOn(peer, { command: "echo", args: ["wait"] });
    await until("the first is under way", () => port.agent.calls.length === 2);
    const second = await runOn(peer, { command: "echo", args: ["late"], timeoutMs: 10 });
    expect(second).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("was not sent") });
    const third = runOn(peer, { command: "echo", args: ["third"] });
    await waitTurns(5);
    expect({ length: peer.callCount, dialled: port.dialled }).toEqual({ length: 2, dialled: 1 });
    open();
    expect(await first).toMatchObject(ran("wait\n"));
    expect(await third).toMatchObject(ran("third\n"));
    expect(port.agent.calls.some(({ args }) => args[1] === "late")).toBe(false);
    expect(port.served).toBe(2);
  });

  test("a dial that succeeds after the deadline makes no call", async () => {
    const port = createOldPort({ commands: COMMANDS });
    const gate = Promise.withResolvers<void>();
    const peer = createPeerOver(async () => (await gate.promise, port.dial()));
    expect(await runOn(peer, { command: "echo", timeoutMs: 10 })).toMatchObject({ code: "TIMEOUT" });
    gate.resolve();
    await until("the channel was used and left", () => port.served === 1);
    await waitTurns(5);
    expect(port.agent.calls).toEqual([]);
  });

  test("a failed dial fails its own call, and the next call works", async () => {
    const port = createOldPort({ commands: COMMANDS });
    let isFirst = true;
    const peer = createPeerOver(() => {
      if (!isFirst) return port.dial();
      isFirst = false;
      return Promise.reject(new NegotiatorError("NO_CHANNEL", "no channel"));
    });
    const both = [
      runOn(peer, { command: "echo", args: ["a"] }),
      runOn(peer, { command: "echo", args: ["b"] }),
    ];
    expect(await Promise.all(both)).toMatchObject([{ code: "NO_CHANNEL" }, ran("b\n")]);
  });
});
