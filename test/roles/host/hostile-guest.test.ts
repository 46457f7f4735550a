/** Attacks of a hostile guest: its own calls fail, and the host serves all other guests in bounded memory. */
import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createHostileGuest } from "../../support/hostile-guest.ts";
import type { HostileGuest } from "../../support/hostile-guest.ts";
import { peakBytes } from "../../support/program.ts";
import { createRandom } from "../../support/random.ts";
import { createStage } from "../../support/stage.ts";
import type { Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const MIB = 1024 * 1024;
const TIMEOUT_MS = 180_000;
/**
 * Most growth of the daemon's memory by one attack. Garbage takes half of that, and kept messages take more.
 */
const GROWTH_BYTES = 128 * MIB;
/** Frames of 15 MiB leave several of them as garbage, so this attack may take more. */
const FRAMES_GROWTH_BYTES = 320 * MIB;

/** A length-prefixed frame with five million lists, which would take a gigabyte. */
const FRAME_OF_LISTS = encodeFrame(`{"method":"x","args":[${"[],".repeat(5_000_000)}[]]}`);

function encodeFrame(body: string): string {
  return `${body.length}\n${body}`;
}

type Scene = AsyncDisposable & {
  stage: Stage;
  evil: HostileGuest;
  /** Checks that the host still serves the other guest, and that its memory has grown by less than this. */
  expectUnharmed: (growthBytes?: number) => Promise<void>;
};

/**
 * A host's daemon with a good guest, and an evil one whose session is open. Garbage of one attack would hide
 * the growth of the next, so each attack gets a new daemon.
 */
async function createScene(): Promise<Scene> {
  await using owned = new AsyncDisposableStack();
  const stage = owned.use(await createStage({ guests: ["good", "evil", "other"], withoutDaemons: true }));
  await Promise.all([stage.host.start(), stage.guest("good").start()]);
  const evil = owned.use(await createHostileGuest(stage.guest("evil").port.guestPath));
  await Promise.all([stage.open("good"), stage.open("evil")]);
  const { pid } = stage.host.daemon;
  const beforeBytes = await peakBytes(pid);
  const held = owned.move();
  return {
    stage,
    evil,
    async expectUnharmed(growthBytes = GROWTH_BYTES) {
      const ended = await stage.host.run(["execute", "-t", "20", "good", "find-distributor-id"]);
      expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
      const grownBytes = (await peakBytes(pid)) - beforeBytes;
      expect(grownBytes).toBeLessThan(growthBytes);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test.each<[string, (random: ReturnType<typeof createRandom>) => Uint8Array | string]>([
  ["random bytes", (random) => random.bytes(64 * 1024)],
  ["a line without end", () => "a".repeat(64 * 1024)],
  ["an object without end", () => `{"jsonrpc":"2.0","method":"${"x".repeat(64 * 1024)}`],
  ["open braces", () => "{".repeat(64 * 1024)],
  ["open brackets in lines", () => `${"[".repeat(1000)}\n`.repeat(64)],
  ["huge counts", () => "99999999999999999999\n9999999\n"],
  ["counts without objects", () => "1\n".repeat(32 * 1024)],
  ["broken messages", () => '{"jsonrpc":"2.0","method":"execute","id":{}}\n'.repeat(1000)],
])(
  "a guest that sends 8 MiB of %s does not harm the host",
  async (_, make) => {
    await using scene = await createScene();
    const { evil } = scene;
    const piece = make(createRandom(7));
    for (let sent = 0; sent < 8 * MIB && !evil.socket.destroyed; sent += piece.length) await evil.raw(piece);
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test.each([
  ["the port on which it is called", "port"],
  ["the port on which it calls", "back"],
] as const)(
  "a guest that sends frames with millions of lists over %s does not harm the host",
  async (_, port) => {
    await using scene = await createScene();
    const { stage } = scene;
    using evil = await createHostileGuest(stage.guest("other")[port].guestPath);
    for (let frames = 0; frames < 8 && !evil.socket.destroyed; frames++) await evil.raw(FRAME_OF_LISTS);
    await scene.expectUnharmed(FRAMES_GROWTH_BYTES);
  },
  TIMEOUT_MS,
);

test(
  "a guest that sends a million pings and reads no answer does not harm the host",
  async () => {
    await using scene = await createScene();
    const { evil } = scene;
    evil.socket.pause();
    const pings = evil.line({ method: "session.ping", params: {} }).repeat(1000);
    for (let round = 0; round < 1000; round++) await evil.raw(pings);
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "a guest that answers nothing without end is slowed down: the log and status say so, and others are served",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    const flood = async (): Promise<void> => {
      while (!evil.socket.destroyed)
        await evil.raw(Array.from({ length: 1000 }, () => evil.counted({ id: "none", result: {} })).join(""));
    };
    void flood();
    await stage.host.daemon.says('guest "evil" is slowed down: it sends ');
    const { stdout } = await stage.host.run(["status"]);
    expect(stdout).toMatch(/^evil: .*, slowed down: it sends .*need no answer/m);
    expect(stdout).toMatch(/^good: open, (?!.*slowed)/m);
    const { stdout: json } = await stage.host.run(["status", "evil", "--json"]);
    expect(JSON.parse(json)).toMatchObject({
      name: "evil",
      overQuota: expect.stringContaining("need no answer"),
    });
    await scene.expectUnharmed();
    evil.socket.destroy();
  },
  TIMEOUT_MS,
);

test(
  "a guest that makes 3000 calls gets its limit of open calls, and other guests are served",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    await stage.host.command("waiter", "#!/bin/sh\nexec cat\n");
    for (let index = 0; index < 3000; index++) {
      const streams = { read: { stdout: 1024, stderr: 1024 }, write: ["stdin"] };
      const call = { id: `c${index}`, method: "execute", params: { command: "waiter", args: [] }, streams };
      await evil.raw(evil.counted(call));
    }
    await scene.expectUnharmed();
    await stage.guest("good").command("x", "#!/bin/sh\n");
    expect(await stage.guest("good").run(["execute", "waiter"], { stdin: "in" })).toMatchObject({
      stdout: "in",
    });
    // The calls begin in the guest's turns.
    await until("the host runs all that the limit allows", async () => {
      const { calls } = await stage.open("evil");
      expect(calls.incoming).toBeLessThanOrEqual(DEFAULT_LIMITS.openCalls);
      return calls.incoming === DEFAULT_LIMITS.openCalls;
    });
  },
  TIMEOUT_MS,
);

test(
  "a call whose guest sends more output than its credit fails with exit code 125",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    await using running = stage.host.launch(["execute", "evil", "x"]);
    const { id } = await evil.heard("execute");
    const text = "x".repeat(32 * 1024);
    // More of it would be unneeded, and the host would read it ever slower.
    const state = { isStopped: false };
    const stopped = evil.heard("call.message").then(() => (state.isStopped = true));
    // The test reads the caller's output only afterwards, so the credit runs out.
    for (let offset = 0; !state.isStopped && !evil.socket.destroyed; offset += text.length) {
      const params = { call: id, stream: "stdout", offset, text };
      await evil.raw(evil.counted({ method: "stream.data", params }));
    }
    await stopped;
    const { exitCode, stderr } = await running.ended();
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(/it exceeds the credit of \d+ bytes\nCompare the releases of both sides: /);
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "a call whose guest sends an invalid result fails with exit code 125",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    await using running = stage.host.launch(["execute", "evil", "x"]);
    const { id } = await evil.heard("execute");
    await evil.raw(evil.counted({ id: String(id), result: { exitCode: "zero" }, streams: {} }));
    const { exitCode, stderr } = await running.ended();
    expect(exitCode).toBe(125);
    expect(stderr).toContain('in the answer, the member "exitCode" is missing or invalid');
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "line ends in a guest's messages start no line on a terminal or in the log",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    const message = "no\nnegotiator: forged\n<2>forged";
    await using running = stage.host.launch(["execute", "evil", "x"]);
    const { id } = await evil.heard("execute");
    const error = { code: -32603, message, data: { code: "INTERNAL" } };
    await evil.raw(evil.counted({ id: String(id), error, streams: {} }));
    expect((await running.ended()).stderr).toBe(
      "negotiator: no; negotiator: forged; <2>forged\n" +
        "Read the log, at the daemon's terminal or with: journalctl -u negotiator-host\n",
    );
    await evil.raw(evil.line({ method: "session.goodbye", params: { reason: message } }));
    await until("it is logged", () => stage.host.daemon.log().includes("has ended the session: no; "));
    expect(stage.host.daemon.log()).not.toMatch(/^\W*forged|^\s*negotiator: forged/m);
    const { stderr } = await stage.host.run(["execute", "godo", "x"]);
    expect(stderr).toEndWith('is called "godo"\nDid you mean "good"?\n');
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "a result that does not say how the command ended gives exit code 125 and words",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    const ended = { exitCode: null, signal: null, endedBy: "command", durationMs: 1 };
    const results = [
      ended,
      { ...ended, signal: "SIGNONE" },
      { ...ended, exitCode: 1, signal: "SIGKILL" },
      { ...ended, exitCode: 500 },
      "done",
    ];
    for (const [index, result] of results.entries()) {
      await using running = stage.host.launch(["execute", "-t", "20", "evil", "x"]);
      const { id } = await evil.heard("execute", index);
      const streams = { stdout: { bytes: 0 }, stderr: { bytes: 0 } };
      await evil.raw(evil.counted({ id: String(id), result, streams }));
      const { exitCode, stderr } = await running.ended();
      expect({ result, exitCode }).toEqual({ result, exitCode: 125 });
      expect(stderr).toMatch(/^negotiator: Cannot tell how the command ended: .+\n.+\n$/);
    }
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "a call whose guest withholds announced output ends with exit code 124 and is audited as TIMEOUT",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    await using running = stage.host.launch(["execute", "-t", "0", "evil", "x"]);
    const { id } = await evil.heard("execute");
    const result = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };
    const streams = { stdout: { bytes: 1000 }, stderr: { bytes: 0 } };
    await evil.raw(evil.counted({ id: String(id), result, streams }));
    const pong = evil.line({ method: "session.pong", params: {} });
    const alive = setInterval(() => void evil.raw(pong), 100);
    const { exitCode, stderr } = await running.ended();
    clearInterval(alive);
    expect(exitCode).toBe(124);
    expect(stderr).toContain("sends no more of its output: 0 bytes came");
    expect(await stage.open("evil")).toMatchObject({ calls: { outgoing: 0 } });
    const entry = await until("the call is in the audit", async () =>
      (await stage.host.audit()).find(({ command }) => command === "x"),
    );
    expect(entry).toMatchObject({ peer: { guest: "evil" }, errorCode: "TIMEOUT" });
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  "a caller can interrupt a call whose guest reads nothing, and unread input takes bounded memory",
  async () => {
    await using scene = await createScene();
    const { stage, evil } = scene;
    await using running = stage.host.launch(["execute", "-t", "0", "evil", "x"], { isOpen: true });
    const { id } = await evil.heard("execute");
    await evil.raw(
      evil.counted({ method: "stream.credit", params: { call: id, stream: "stdin", limit: 2 ** 50 } }),
    );
    evil.socket.pause();
    void running.feed(new Uint8Array(200 * MIB));
    await scene.expectUnharmed();
    running.kill("SIGINT");
    running.kill("SIGTERM");
    expect([128 + 2, 128 + 15]).toContain(await running.exited);
    await scene.expectUnharmed();
  },
  TIMEOUT_MS,
);
