/** A program of `guest-exec` that is one of our commands runs as that command, and leaves a record. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { execAsCommand, findCommandName } from "../../../src/methods/agent/exec-as-command.ts";
import type { ExecRecord, SharedMemory } from "../../../src/methods/agent/exec-records.ts";
import { createKeptItems } from "../../../src/methods/agent/kept-items.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { StreamReader } from "../../../src/wire/calls/stream-reader.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const ERROR_OUTPUT = { "err-data": base64("err"), "err-truncated": false };

/** A stream of bytes, which the tests only compare. */
class GivenInput {
  readonly text: string;
  constructor(bytes: Uint8Array) {
    this.text = Buffer.from(bytes).toString();
  }
}

const LISTENER = (): void => {};

/** Memory without a limit, which counts its open shares, and the bytes that they take. */
class CountedMemory implements SharedMemory {
  taken = 0;
  openCount = 0;

  open(): ReturnType<SharedMemory["open"]> {
    let own = 0;
    let isOpen = true;
    this.openCount++;
    return {
      take: (bytes) => {
        own += bytes;
        this.taken += bytes;
        return true;
      },
      [Symbol.dispose]: () => {
        if (isOpen) this.openCount--;
        isOpen = false;
        this.taken -= own;
        own = 0;
      },
    };
  }
}

/** Makes one call of `guest-exec`. `inner` is the call of the command; undefined if there is none. */
function exec(params: unknown, most = 1) {
  const records = createKeptItems<ExecRecord>({
    most,
    idleMs: 3_600_000,
    now: () => 0,
    isIdle: ({ end }) => end !== undefined,
    drop: () => undefined,
  });
  const memory = new CountedMemory();
  const answers: unknown[] = [];
  const calls: IncomingCall[] = [];
  // The function takes no more of the call than this.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const call = {
    params,
    respond: (result: unknown) => void answers.push(result),
    fail: (error: NegotiatorError) => void answers.push(`${error.code}: ${error.message}`),
  } as unknown as IncomingCall;
  execAsCommand(call, "backup", {
    serve: { call: (each) => void calls.push(each), notice: () => undefined },
    records,
    memory,
    names: async () => new Set(["backup"]),
    directories: () => [],
    nextNumber: () => -7,
    makeId: () => "made",
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    readBytes: (bytes) => new GivenInput(bytes) as unknown as StreamReader,
  });
  const inner: IncomingCall | undefined = calls[0];
  return { answers, records, memory, inner };
}

/** Makes a call whose command is there. */
function start(params: Record<string, unknown> = {}) {
  const { inner, ...rest } = exec({ path: "backup", ...params });
  if (inner === undefined) throw new Error("No command was called");
  const record = () => rest.records.find(-7n);
  return { ...rest, inner, record };
}

describe("a program", () => {
  const commands = { names: async () => new Set(["backup"]), directories: () => ["/c", "/d"] };
  test.each([
    [{ path: "backup" }, "backup"],
    [{ path: "/d/backup" }, "backup"],
    [{ path: "/e/backup" }, undefined],
    [{ path: "/d/ls" }, undefined],
    [{ path: "ls" }, undefined],
    [{ path: 7 }, undefined],
    [{}, undefined],
    [undefined, undefined],
  ])("of the parameters %j is the command %p", async (params, expected) => {
    expect(await findCommandName({ params }, commands)).toBe(expected);
  });

  test("in another directory does not ask for the names", async () => {
    const silent = { ...commands, names: () => Promise.reject(new Error("asked")) };
    expect(await findCommandName({ params: { path: "/e/backup" } }, silent)).toBeUndefined();
  });
});

describe("the call of the command", () => {
  test("has its name and arguments, no deadline and no caller who leaves", () => {
    const { inner } = start({ arg: ["-v", "a b"] });
    expect(inner).toMatchObject({
      id: "made",
      method: "execute",
      params: { command: "backup", args: ["-v", "a b"] },
      timeoutMs: undefined,
      isDetached: false,
      streams: { read: [], written: ["stdout", "stderr"] },
    });
    expect([inner.signal.aborted, inner.listCalls(), inner.send("a", 1)]).toEqual([false, [], undefined]);
    expect(() => inner.beginAt("stdin", 1)).toThrow("begins at its first byte");
  });

  test("reads the given input, or none", () => {
    const { inner } = start({ "input-data": base64("in") });
    expect(inner.streams.read).toEqual(["stdin"]);
    expect(inner.reader("stdin")).toMatchObject({ text: "in" });
    expect(start().inner.reader("stdin")).toMatchObject({ text: "" });
  });
});

describe("the answer", () => {
  test.each<[string, (inner: IncomingCall) => void]>([
    ["listens for signals", (inner) => inner.listen(LISTENER)],
    ["writes", (inner) => void inner.writer("stdout").write(Buffer.from("x"))],
    ["ends", (inner) => inner.respond({ exitCode: 0 })],
  ])("comes once, as soon as the command %s", (_, begin) => {
    const { answers, inner, record } = start();
    expect([answers, record()]).toEqual([[], undefined]);
    begin(inner);
    expect(answers).toEqual([{ pid: -7 }]);
    inner.listen(LISTENER);
    expect(answers).toEqual([{ pid: -7 }]);
    expect(record()).toBeDefined();
  });

  test("is the error of a command that has not begun, which leaves nothing", () => {
    const { answers, inner, record, records, memory } = start();
    inner.fail(new NegotiatorError("DENIED", "no rule allows it"));
    expect(memory.openCount).toBe(0);
    expect(records.reserve()).toBeDefined();
    inner.listen(LISTENER);
    expect(answers).toEqual(["DENIED: no rule allows it"]);
    expect([record(), records.count]).toEqual([undefined, 0]);
  });

  test.each([
    [
      "with variables",
      { path: "backup", env: ["A=b"] },
      "Invalid parameter 'env': backup has its own environment",
    ],
    ["without a path", {}, "Parameter 'path' is missing"],
    ["without arguments", undefined, "Parameter 'path' is missing"],
  ])("%s is an error, and nothing runs", (_, params, message) => {
    const { answers, inner, records } = exec(params);
    expect(answers).toEqual([`BAD_REQUEST: ${message}`]);
    expect([inner, records.count]).toEqual([undefined, 0]);
  });

  test("is an error where too many programs run", () => {
    const { answers, inner } = exec({ path: "backup" }, 0);
    expect([answers, inner]).toEqual([
      ["NOT_EXECUTABLE: Guest agent command failed, error was 'too many programs run'"],
      undefined,
    ]);
  });
});

describe("the record", () => {
  test.each([
    [
      { exitCode: 3, signal: null },
      { exitCode: 3, signal: null },
    ],
    [
      { exitCode: null, signal: "SIGTERM" },
      { exitCode: null, signal: "SIGTERM" },
    ],
    ["no object", { exitCode: null, signal: null }],
    [
      { exitCode: "3", signal: 9 },
      { exitCode: null, signal: null },
    ],
  ])("of a command that ended with %j has the end %j", (result, end) => {
    const { inner, record } = start();
    inner.listen(LISTENER);
    expect(record()?.end).toBeUndefined();
    inner.respond(result);
    expect(record()?.end).toEqual(end);
  });

  test("of a command that failed after its begin has no exit code, and no second answer", () => {
    const { answers, inner, record } = start();
    inner.listen(LISTENER);
    inner.fail(new NegotiatorError("CLOSED", "gone"));
    expect(answers).toEqual([{ pid: -7 }]);
    expect(record()?.end).toEqual({ exitCode: null, signal: null });
  });

  test.each([
    [true, { "out-data": base64("out"), "out-truncated": false, ...ERROR_OUTPUT }],
    ["stderr", ERROR_OUTPUT],
    [undefined, {}],
  ])("with the capture %j has %j", async (capture, expected) => {
    const { inner, record } = start(capture === undefined ? {} : { "capture-output": capture });
    for (const [stream, text] of [
      ["stdout", "out"],
      ["stderr", "err"],
      ["other", "none"],
    ] as const) {
      const writer = inner.writer(stream);
      await writer.write(Buffer.from(text));
      expect([writer.end(), writer.sentBytes]).toEqual([undefined, 0]);
    }
    inner.respond({ exitCode: 0 });
    expect(record()?.output.members()).toEqual(expected);
  });

  test.each<[string, (inner: IncomingCall) => void]>([
    ["answered", (inner) => inner.respond({})],
    ["refused", (inner) => inner.fail(new NegotiatorError("DENIED", "no rule allows it"))],
  ])("gives the memory of the input back when the command is %s", (_, end) => {
    const { inner, memory } = start({ "input-data": base64("input") });
    expect(memory.taken).toBe(5);
    end(inner);
    expect(memory.taken).toBe(0);
  });
});
