/** What a guest that means harm can do to its host: cost itself its own calls, and nobody else anything. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createHostileGuest } from "../support/hostile-guest.ts";
import type { HostileGuest } from "../support/hostile-guest.ts";
import { peakBytes } from "../support/program.ts";
import { createRandom } from "../support/random.ts";
import { createStage } from "../support/stage.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const MIB = 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** What the host's daemon may grow by through one attack. */
const GROWTH_BYTES = 192 * MIB;

/** One counted frame of 15 MiB that holds five million lists. */
const FRAME_OF_LISTS = encodeFrame(`{"method":"x","args":[${"[],".repeat(5_000_000)}[]]}`);

/** Each attack has a guest of its own, as the pauses between two tries of a bad one grow. */
const EVILS = Array.from({ length: 20 }, (_, index) => `evil${index}`);

let stage: Stage;
let attacks = 0;
let beforeBytes = 0;
beforeAll(async () => {
  stage = await createStage({ guests: ["good", ...EVILS], isDark: true });
  await stage.host.command("waiter", "#!/bin/sh\nexec cat\n");
  await Promise.all([stage.host.start(), stage.guest("good").start()]);
  await stage.open("good");
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  beforeBytes = await peakBytes(stage.host.daemon.pid);
});

async function expectUnharmed(): Promise<void> {
  const ended = await stage.host.run(["execute", "good", "find-distributor-id"]);
  expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ended.durationMs).toBeLessThan(5000);
  const grownBytes = (await peakBytes(stage.host.daemon.pid)) - beforeBytes;
  expect(grownBytes).toBeLessThan(GROWTH_BYTES);
}

function encodeFrame(body: string): string {
  return `${body.length}\n${body}`;
}

async function attack(): Promise<HostileGuest & { name: string }> {
  const name = EVILS[attacks++] ?? "";
  const guest = await createHostileGuest(stage.guest(name).port.guestPath);
  await stage.open(name);
  return Object.assign(guest, { name });
}

test.each<[string, (random: ReturnType<typeof createRandom>) => Uint8Array | string]>([
  ["random bytes", (random) => random.bytes(64 * 1024)],
  ["a line without end", () => "a".repeat(64 * 1024)],
  ["an object without end", () => `{"jsonrpc":"2.0","method":"${"x".repeat(64 * 1024)}`],
  ["open braces", () => "{".repeat(64 * 1024)],
  ["open brackets in lines", () => `${"[".repeat(1000)}\n`.repeat(64)],
  ["huge counts", () => "99999999999999999999\n9999999\n"],
  ["counts without objects", () => "1\n".repeat(32 * 1024)],
  ["frames of millions of lists", () => FRAME_OF_LISTS],
  ["broken messages", () => '{"jsonrpc":"2.0","method":"execute","id":{}}\n'.repeat(1000)],
])(
  "it may send %s",
  async (_, make) => {
    using evil = await attack();
    const piece = make(createRandom(7));
    for (let sent = 0; sent < 8 * MIB && !evil.socket.destroyed; sent += piece.length) await evil.raw(piece);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may send frames of millions of lists to where it calls: the host is back at its work at once",
  async () => {
    const { back } = stage.guest(EVILS[attacks++] ?? "");
    using evil = await createHostileGuest(back.guestPath);
    for (let frames = 0; frames < 8 && !evil.socket.destroyed; frames++) await evil.raw(FRAME_OF_LISTS);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may ask whether we are there without end, and read no answer",
  async () => {
    using evil = await attack();
    evil.socket.pause();
    const pings = evil.line({ method: "session.ping", params: {} }).repeat(1000);
    for (let round = 0; round < 200; round++) await evil.raw(pings);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may call more than it is allowed to: the surplus is refused, other guests are served",
  async () => {
    using evil = await attack();
    for (let index = 0; index < 3000; index++) {
      const streams = { read: { stdout: 1024, stderr: 1024 }, write: ["stdin"] };
      const call = { id: `c${index}`, method: "execute", params: { command: "waiter", args: [] }, streams };
      await evil.raw(evil.counted(call));
    }
    await expectUnharmed();
    await stage.guest("good").command("x", "#!/bin/sh\n");
    expect(await stage.guest("good").run(["execute", "waiter"], { stdin: "in" })).toMatchObject({
      stdout: "in",
    });
    expect(await stage.open(evil.name)).toMatchObject({ calls: { incoming: DEFAULT_LIMITS.openCalls } });
  },
  TIMEOUT_MS,
);

test(
  "it may send more output than it has credit for: its call fails",
  async () => {
    using evil = await attack();
    await using running = stage.host.launch(["execute", evil.name, "x"]);
    const { id } = await evil.heard("execute");
    const text = "x".repeat(32 * 1024);
    // Nobody reads the caller's output until all is sent, so the credit ends, sooner or later.
    for (let offset = 0; offset < 10 * MIB && !evil.socket.destroyed; offset += text.length) {
      const params = { call: id, stream: "stdout", offset, text };
      await evil.raw(evil.counted({ method: "stream.data", params }));
    }
    const { exitCode, stderr } = await running.ended();
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(/it overran its credit of \d+ bytes\n$/);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may answer what makes no sense",
  async () => {
    using evil = await attack();
    await using running = stage.host.launch(["execute", evil.name, "x"]);
    const { id } = await evil.heard("execute");
    await evil.raw(evil.counted({ id: String(id), result: { exitCode: "zero" }, streams: {} }));
    const { exitCode, stderr } = await running.ended();
    expect(exitCode).toBe(125);
    expect(stderr).toContain("Cannot understand the other side's answer: exitCode: ");
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may put line ends into its words: they begin no line, on a terminal or in the log; our own remedies do",
  async () => {
    using evil = await attack();
    const words = "no\nnegotiator: forged\n<2>forged";
    await using running = stage.host.launch(["execute", evil.name, "x"]);
    const { id } = await evil.heard("execute");
    const error = { code: -32603, message: words, data: { code: "INTERNAL" } };
    await evil.raw(evil.counted({ id: String(id), error, streams: {} }));
    expect((await running.ended()).stderr).toBe("negotiator: no; negotiator: forged; <2>forged\n");
    await evil.raw(evil.line({ method: "session.goodbye", params: { reason: words } }));
    await until("it is logged", () => stage.host.daemon.log().includes("has ended the session: no; "));
    expect(stage.host.daemon.log()).not.toMatch(/^\W*forged|^\s*negotiator: forged/m);
    const { stderr } = await stage.host.run(["execute", "godo", "x"]);
    expect(stderr).toEndWith('is called "godo"\nDid you mean "good"?\n');
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may answer and keep the output back that it names: its call fails, and is under way no more",
  async () => {
    using evil = await attack();
    await using running = stage.host.launch(["execute", "-t", "0", evil.name, "x"]);
    const { id } = await evil.heard("execute");
    const result = { exitCode: 0, signal: null, timedOut: false, cancelled: false, durationMs: 1 };
    const streams = { stdout: { bytes: 1000 }, stderr: { bytes: 0 } };
    await evil.raw(evil.counted({ id: String(id), result, streams }));
    const pong = evil.line({ method: "session.pong", params: {} });
    const alive = setInterval(() => void evil.raw(pong), 100);
    const { exitCode, stderr } = await running.ended();
    clearInterval(alive);
    expect(exitCode).toBe(124);
    expect(stderr).toContain("keeps its output back: 0 bytes came");
    expect(await stage.open(evil.name)).toMatchObject({ calls: { outgoing: 0 } });
    expect(await stage.host.audit()).toContainEqual(
      expect.objectContaining({ peer: { guest: evil.name }, command: "x", errorCode: "TIMEOUT" }),
    );
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "it may take nothing and acknowledge nothing: the caller can give up, and nothing piles up",
  async () => {
    using evil = await attack();
    await using running = stage.host.launch(["execute", "-t", "0", evil.name, "x"], { isOpen: true });
    const { id } = await evil.heard("execute");
    await evil.raw(
      evil.counted({ method: "stream.credit", params: { call: id, stream: "stdin", limit: 2 ** 50 } }),
    );
    evil.socket.pause();
    void running.feed(new Uint8Array(50 * MIB));
    await expectUnharmed();
    running.kill("SIGINT");
    running.kill("SIGTERM");
    expect([128 + 2, 128 + 15]).toContain(await running.exited);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);
