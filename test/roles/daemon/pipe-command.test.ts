/** Calls that a daemon passes on: streams, cancel, result and failure. */
import { executeOn } from "../../../src/peers/remote-command.ts";
import { createNativePeer } from "../../../src/peers/native.ts";
import { expect, test } from "bun:test";
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import type { RemoteCommand } from "../../../src/peers/remote-command.ts";
import { pipeCommand } from "../../../src/roles/daemon/pipe-command.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { Session } from "../../../src/wire/session/session.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { createServedLink } from "../../support/served-link.ts";
import { until } from "../../support/until.ts";

const RESULT: ExecuteResult = { exitCode: 3, signal: null, endedBy: "command", durationMs: 1 };

function executeOver(session: Session, hasInput: boolean, signal?: AbortSignal): RemoteCommand {
  const peer = createNativePeer(session, {
    explainNoAnswer: () => new NegotiatorError("NO_CHANNEL", "never"),
  });
  return executeOn(peer, {
    command: "x",
    args: ["y"],
    hasInput,
    timeoutMs: 0,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** A caller, a daemon that pipes its call, and a far end that gives the call to `onCall`. */
function createChain(onCall: (call: IncomingCall) => void, hasInput = true) {
  const far = createServedLink(onCall);
  let wake: (() => void) | undefined;
  /** Reads as usual until `breakOff`. */
  const breakable = (call: IncomingCall): IncomingCall => {
    const source = call.streams.read.includes("stdin") ? call.reader("stdin") : undefined;
    if (source === undefined) return call;
    const reader = Object.assign(Object.create(source), {
      async *[Symbol.asyncIterator]() {
        const broken = new Promise<never>((_resolve, reject) => (wake = () => reject(new Error("lost"))));
        const iterator = source[Symbol.asyncIterator]();
        for (;;) {
          const { value, done } = await Promise.race([iterator.next(), broken]);
          if (done === true) return;
          yield value;
        }
      },
    });
    return Object.assign(Object.create(call), { reader: () => reader });
  };
  const near = createServedLink((incoming) => {
    const call = breakable(incoming);
    pipeCommand(call, executeOver(far.caller, hasInput, call.signal)).then(
      (result) => call.respond(result),
      (thrown: unknown) => call.fail(NegotiatorError.from(thrown)),
    );
  });
  return {
    far,
    /** Makes the caller's input throw at its next read, as its lost session does. */
    breakOff: () => wake?.(),
    execute: () => executeOver(near.caller, hasInput),
    async [Symbol.asyncDispose]() {
      await near[Symbol.asyncDispose]();
      await far[Symbol.asyncDispose]();
    },
  };
}

test("input and output of a piped command arrive whole, followed by its result", async () => {
  await using chain = createChain((call) => {
    void (async () => {
      for await (const bytes of call.reader("stdin")) await call.writer("stdout").write(bytes);
      await call.writer("stderr").write(Buffer.from("bye"));
      call.respond(RESULT);
    })();
  });
  const remote = chain.execute();
  const input = Uint8Array.from({ length: 700_000 }, (_, index) => (index * 31) >> 2);
  void remote.stdin?.write(input).then(() => remote.stdin?.end());
  const [stdout, stderr] = await Promise.all([
    Array.fromAsync(remote.stdout),
    Array.fromAsync(remote.stderr),
  ]);
  expect(Buffer.compare(Buffer.concat(stdout), input)).toBe(0);
  expect(Buffer.concat(stderr).toString()).toBe("bye");
  expect(await remote.ended).toEqual(RESULT);
});

test("input that breaks off does not end at the far end", async () => {
  await using chain = createChain((call) => {
    void (async () => {
      const pieces: string[] = [];
      const reading = (async () => {
        for await (const bytes of call.reader("stdin")) pieces.push(Buffer.from(bytes).toString());
        pieces.push("end");
      })();
      await until("a part has come", () => pieces.length === 1);
      chain.breakOff();
      await waitTurns(20);
      await call.writer("stdout").write(Buffer.from(pieces.join(" ")));
      call.respond(RESULT);
      await reading.catch(() => undefined);
    })();
  });
  const remote = chain.execute();
  await remote.stdin?.write(Buffer.from("a part"));
  expect(Buffer.concat(await Array.fromAsync(remote.stdout)).toString()).toBe("a part");
});

test("output that a slow caller takes only after the command's end comes before the result", async () => {
  const output = new Uint8Array(200 * 1024).fill(65);
  await using chain = createChain((call) => {
    void call
      .writer("stdout")
      .write(output)
      .then(() => call.respond(RESULT));
  }, false);
  const remote = chain.execute();
  // The daemon still holds what is beyond the caller's first credit of 128 KiB.
  await until("the far end has ended the call", () => chain.far.callee.incomingCount === 0);
  await waitTurns(20);
  const [stdout] = await Promise.all([Array.fromAsync(remote.stdout), Array.fromAsync(remote.stderr)]);
  expect(Buffer.concat(stdout)).toHaveLength(output.length);
  expect(remote.stdout.isTruncated).toBe(false);
  expect(await remote.ended).toEqual(RESULT);
});

test("a far end that takes no more input stops the caller's stdin while the command runs on", async () => {
  const gate = Promise.withResolvers<void>();
  await using chain = createChain((call) => {
    call.reader("stdin").cancel();
    void gate.promise.then(() => call.respond(RESULT));
  });
  const remote = chain.execute();
  const refused = rejectionOf(remote.stdin?.write(new Uint8Array(1_000_000)) ?? Promise.resolve());
  expect((await refused).code).toBe("CLOSED");
  gate.resolve();
  expect(await remote.ended).toEqual(RESULT);
});

test("a cancel reaches the far end with its reason, and the result comes back", async () => {
  const reasons: string[] = [];
  await using chain = createChain((call) => {
    call.signal.addEventListener("abort", () => {
      reasons.push(NegotiatorError.from(call.signal.reason).message);
      call.respond({ ...RESULT, endedBy: "cancel" });
    });
  }, false);
  const remote = chain.execute();
  await until("it is under way", () => chain.far.callee.incomingCount === 1);
  remote.cancel("enough of it");
  expect(await remote.ended).toMatchObject({ endedBy: "cancel" });
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toContain("enough of it");
});

test("a failure at the far end rejects the caller's command with the same code", async () => {
  await using chain = createChain((call) => call.fail(new NegotiatorError("NO_COMMAND", "none such")), false);
  expect(await rejectionOf(chain.execute().ended)).toMatchObject({
    code: "NO_COMMAND",
    message: "none such",
  });
});

test("a caller that cancels stdout ends only the far end's stream, and gets its result", async () => {
  let isBroken = false;
  await using chain = createChain((call) => {
    void (async () => {
      try {
        for (;;) await call.writer("stdout").write(new Uint8Array(1000));
      } catch {
        isBroken = true;
        call.respond(RESULT);
      }
    })();
  }, false);
  const remote = chain.execute();
  await remote.stdout[Symbol.asyncIterator]().next();
  remote.stdout.cancel();
  expect(await remote.ended).toEqual(RESULT);
  expect(isBroken).toBe(true);
});

test("output that is truncated at the far end is marked as truncated at the caller", async () => {
  await using chain = createChain((call) => {
    call.writer("stdout").end({ truncated: true });
    call.writer("stderr").end();
    call.respond(RESULT);
  }, false);
  const { stdout, stderr, ended } = chain.execute();
  await Promise.all([Array.fromAsync(stdout), Array.fromAsync(stderr), ended]);
  expect([stdout.isTruncated, stderr.isTruncated]).toEqual([true, false]);
});

test("a far end that cancels stdin can end the call before the input is written", async () => {
  await using chain = createChain((call) => {
    call.reader("stdin").cancel();
    call.respond(RESULT);
  });
  const remote = chain.execute();
  void remote.stdin?.write(new Uint8Array(1_000_000)).catch(() => undefined);
  expect(await remote.ended).toEqual(RESULT);
});

test("a failure at the far end reaches a caller that asked for no streams", async () => {
  const far = createServedLink((call) => call.fail(new NegotiatorError("NO_COMMAND", "there is none")));
  const near = createServedLink((call) => {
    pipeCommand(call, executeOver(far.caller, false)).then(
      (result) => call.respond(result),
      (thrown: unknown) => call.fail(NegotiatorError.from(thrown)),
    );
  });
  const error = await rejectionOf(near.caller.call({ method: "execute" }).answer);
  expect(error.code).toBe("NO_COMMAND");
  await near[Symbol.asyncDispose]();
  await far[Symbol.asyncDispose]();
});
