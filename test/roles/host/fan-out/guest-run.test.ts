/** The command of a fan-out in one guest: its result, its output, and what cancels it. */
import { describe, expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../../../src/errors.ts";
import type { Peer, PeerCallOptions } from "../../../../src/peers/peer.ts";
import { failedResult, runOnGuest } from "../../../../src/roles/host/fan-out/guest-run.ts";
import type { GuestCommand, GuestResult } from "../../../../src/roles/host/fan-out/guest-run.ts";
import type { GuestSink } from "../../../../src/roles/host/fan-out/guest-sink.ts";
import { watchInterruption } from "../../../../src/roles/host/fan-out/interruption.ts";
import type { StreamReader } from "../../../../src/wire/calls/stream-reader.ts";
import type { StreamWriter } from "../../../../src/wire/calls/stream-writer.ts";
import type { OutputName } from "../../../../src/standard-output.ts";
import { fakeTimersInEachTest } from "../../../support/fake-timers.ts";

fakeTimersInEachTest();

const ENDED = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };
const never = (): Promise<never> => Promise.withResolvers<never>().promise;

async function* chunks(texts: readonly string[], failure?: Error): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (const text of texts) yield Buffer.from(text);
  if (failure !== undefined) throw failure;
}

type Script = {
  result?: Promise<unknown>;
  stdout?: AsyncIterable<Uint8Array>;
  stderr?: AsyncIterable<Uint8Array>;
};

/** A peer whose only call goes as scripted, and what it got. */
function peerOf({ result = Promise.resolve(ENDED), stdout = chunks([]), stderr = chunks([]) }: Script) {
  const got: { call?: [string, unknown, PeerCallOptions]; cancels: string[] } = { cancels: [] };
  const readers: Record<string, AsyncIterable<Uint8Array>> = { stdout, stderr };
  const readerOf = (name: string): StreamReader => ({
    bytes: 0,
    isTruncated: false,
    missedBytes: 0,
    cancel: () => undefined,
    [Symbol.asyncIterator]: () => (readers[name] ?? chunks([]))[Symbol.asyncIterator](),
  });
  const peer: Peer = {
    can: { methods: undefined, notices: true, messages: true },
    notify: () => undefined,
    call(...words) {
      got.call = words;
      return {
        isSent: true,
        result,
        reader: readerOf,
        writer: () => WRITER,
        send: () => undefined,
        listen: () => undefined,
        cancel: (reason) => void got.cancels.push(reason),
      };
    },
  };
  return { peer, got };
}

const WRITER: StreamWriter = {
  sentBytes: 0,
  write: never,
  end: () => undefined,
};

/** Runs the script with an interruption that is released, and returns what came of it. */
async function run(script: Script, more: Partial<GuestCommand> = {}, write?: GuestSink["write"]) {
  using interruption = watchInterruption();
  const { peer, got } = peerOf(script);
  const written: Record<OutputName, string> = { stdout: "", stderr: "" };
  const sink: GuestSink = {
    end: () => Promise.resolve(),
    write:
      write ??
      (async (stream, bytes) => {
        // A slow reader: the result of the call is there long before.
        for (let turn = 0; turn < 50; turn++) await Promise.resolve();
        written[stream] += new TextDecoder().decode(bytes);
        return true;
      }),
  };
  const command: GuestCommand = {
    command: "uptime",
    args: ["-p"],
    limits: { timeoutMs: 0, connectTimeoutMs: 7 },
    input: undefined,
    interruption,
    ...more,
  };
  const result = await runOnGuest("web1", peer, command, sink);
  const { isStopping } = interruption;
  return { result, got, written, isStopping };
}

function faultOf({ error }: GuestResult): [string | undefined, string | undefined] {
  return [error?.code, error?.message.split("\n")[0]];
}

describe("a command that ends", () => {
  test("its whole output is taken before its result, with its limits and no input", async () => {
    const startMs = performance.now();
    const { result, got, written, isStopping } = await run({
      stdout: chunks(["one ", "two"]),
      stderr: chunks(["bad"]),
    });
    const mostMs = Math.ceil(performance.now() - startMs);
    expect(result).toMatchObject({ guest: "web1", exitCode: 0, signal: null, endedBy: "command" });
    expect(result.error).toBeUndefined();
    expect(result.durationMs).toBeWithin(0, mostMs + 1);
    expect(written).toEqual({ stdout: "one two", stderr: "bad" });
    expect(got.call?.slice(0, 2)).toEqual(["execute", { command: "uptime", args: ["-p"] }]);
    expect(got.call?.[2]).toMatchObject({ timeoutMs: 0, connectTimeoutMs: 7, write: [] });
    expect([got.cancels, isStopping]).toEqual([[], false]);
  });

  test("a signal and a deadline have the exit codes of execute for one guest", async () => {
    const killed = await run({
      result: Promise.resolve({ ...ENDED, exitCode: null, signal: "SIGKILL", endedBy: "cancel" }),
    });
    expect(killed.result).toMatchObject({ exitCode: 137, signal: "SIGKILL", endedBy: "cancel" });
    const late = await run(
      { result: Promise.resolve({ ...ENDED, endedBy: "deadline" }) },
      { limits: { timeoutMs: 2000, connectTimeoutMs: 0 } },
    );
    expect(late.result).toMatchObject({ exitCode: 124, endedBy: "deadline" });
    expect(faultOf(late.result)).toEqual([
      "TIMEOUT",
      "The command was ended: its deadline of 2 s has passed",
    ]);
  });

  test("output that breaks does not hide the result", async () => {
    const { result, written } = await run({ stdout: chunks(["part"], new Error("broken")) });
    expect([result.exitCode, result.error, written.stdout]).toEqual([0, undefined, "part"]);
  });
});

describe("a command that cannot go on", () => {
  test("the failure of its call is its result, and the call is cancelled", async () => {
    const failure = new NegotiatorError("DENIED", "not allowed");
    const { result, got } = await run({ result: Promise.reject(failure) });
    expect([result.exitCode, faultOf(result)]).toEqual([126, ["DENIED", "not allowed"]]);
    expect(got.cancels).toEqual(["its caller gives up"]);
  });

  test("a sink that cannot write fails the command, and cancels it", async () => {
    const failure = new NegotiatorError("CANCELLED", "disk full");
    const script = { stdout: chunks(["x"]), result: never() };
    const { result, got, isStopping } = await run(script, {}, () => Promise.reject(failure));
    expect(faultOf(result)).toEqual(["CANCELLED", "disk full"]);
    expect([got.cancels, isStopping]).toEqual([["its caller gives up"], false]);
  });

  test("a reader of ours that is gone stops the whole fan-out, and names the stream", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const gone = (): Promise<boolean> => {
      resolve(ENDED);
      return Promise.resolve(false);
    };
    const { got, isStopping } = await run({ stderr: chunks(["x", "y"]), result: promise }, {}, gone);
    expect([got.cancels, isStopping]).toEqual([["the reader of our stderr is gone"], true]);
  });

  test("input that cannot be read fails the command, and cancels it", async () => {
    const failure = new NegotiatorError("CANCELLED", "cannot read");
    const input = { send: () => Promise.reject(failure), [Symbol.dispose]: () => undefined };
    const { result, got } = await run({ result: never() }, { input });
    expect(got.call?.[2].write).toEqual(["stdin"]);
    expect([faultOf(result), got.cancels]).toEqual([["CANCELLED", "cannot read"], ["its caller gives up"]]);
  });

  test("without an answer it is left a moment after its deadline, and cancelled", async () => {
    const running = run({ result: never() }, { limits: { timeoutMs: 2000, connectTimeoutMs: 0 } });
    jest.advanceTimersByTime(60_000);
    const { result, got } = await running;
    const problem = "The deadline of 2 s has passed, and the other side does not say how the call ended";
    expect([result.exitCode, faultOf(result)]).toEqual([124, ["TIMEOUT", problem]]);
    expect(got.cancels).toEqual(["its caller gives up"]);
  });

  test("a command that is not left at its end gets no later signal of the fan-out", async () => {
    using interruption = watchInterruption();
    const { got } = await run({}, { interruption });
    interruption.stop("late");
    expect(got.cancels).toEqual([]);
  });
});

test("a guest in which nothing ran has the exit code of its fault, and no time", () => {
  const error = new NegotiatorError("NO_CHANNEL", "no agent");
  const nothing = { signal: null, endedBy: null };
  expect(failedResult("a", error)).toEqual({ guest: "a", exitCode: 125, ...nothing, durationMs: 0, error });
  expect(failedResult("a", error, 5).durationMs).toBe(5);
});
