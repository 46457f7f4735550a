/** Calls and streams arrive complete, in order and once over a channel that is cut and torn at random. */
import { expect, test } from "bun:test";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import type { Session } from "../../../src/wire/session/session.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import type { Random } from "../../support/random.ts";
import { FORGED } from "../frames/torn-frames.ts";
import { createSessionPair } from "./session-pair.ts";

const SCHEDULES = Number(process.env["NEGOTIATOR_SCHEDULES"] ?? 1200);

test(`over ${SCHEDULES} random schedules of cuts each call runs once with all its bytes`, async () => {
  const first = chooseSeed();
  for (let seed = first; seed < first + SCHEDULES; seed++) {
    await runSchedule(seed).catch((error: unknown) => {
      throw new Error(`Schedule failed; repeat it with NEGOTIATOR_TEST_SEED=${seed}`, { cause: error });
    });
  }
}, 600_000);

type Expectation = { id: string; sent: Uint8Array; call: OutgoingCall; output: Promise<Uint8Array> };

async function runSchedule(seed: number): Promise<void> {
  const random = createRandom(seed);
  const served = new Map<string, number>();
  const heard = new Map<string, unknown[]>();
  const serve = (call: IncomingCall): void => {
    served.set(call.id, (served.get(call.id) ?? 0) + 1);
    const messages: unknown[] = [];
    heard.set(call.id, messages);
    call.listen((_, value) => messages.push(value));
    void echo(call);
  };
  const offersRaw = { host: !random.oneIn(4), guest: !random.oneIn(4) };
  const pair = createSessionPair({ random, offersRaw, onCall: { host: serve, guest: serve } });
  pair.host.dial();

  const expectations: Expectation[] = [];
  const wanted = 1 + random.below(6);
  let cuts = random.below(6);
  for (let step = 0; expectations.length < wanted || !(await isSettled(expectations)); step++) {
    if (step > 20_000) throw new Error(`No end after ${step} steps`);
    if (expectations.length < wanted && random.oneIn(4)) {
      const session = random.oneIn(2) ? pair.host : pair.guest;
      expectations.push(startEcho(session, `call-${expectations.length}`, random));
    }
    if (cuts > 0 && random.oneIn(12)) {
      cuts--;
      pair.cut();
    }
    if (random.oneIn(8)) pair.tick();
    pair.move(random.oneIn(2) ? "host" : "guest");
    // A frame that gets no byte for two seconds is dropped, also a hello. So a dialler dials again.
    const isUnanswered = pair.host.state === "dialling" && pair.isQuiet && random.oneIn(20);
    if (pair.host.state === "cut" || isUnanswered) pair.cut();
  }

  for (const { id, sent, call, output } of expectations) {
    const answer = await call.answer;
    expect(answer.result).toEqual({ bytes: sent.length });
    expect(answer.streams).toEqual({ stdout: { bytes: sent.length } });
    expect(Buffer.compare(await output, sent)).toBe(0);
    expect(served.get(id)).toBe(1);
    // A call may be over before its last messages come.
    const messages = heard.get(id) ?? [];
    expect(messages).toEqual(messages.map((_, index) => index));
  }
}

async function echo(call: IncomingCall): Promise<void> {
  const stdout = call.writer("stdout");
  let bytes = 0;
  for await (const piece of call.reader("stdin")) {
    bytes += piece.length;
    await stdout.write(piece);
  }
  stdout.end();
  call.respond({ bytes });
}

function startEcho(session: Session, id: string, random: Random): Expectation {
  const sent = makeContent(random.oneIn(3) ? random.below(300_000) : random.below(2000), random);
  const call = session.call({ method: "echo", id, read: ["stdout"], write: ["stdin"] });
  void feed(call, sent, random);
  return { id, sent, call, output: collect(call.reader("stdout")) };
}

/** Bytes that go as raw chunks, as text or as base64, and bytes that a reader could take for frames. */
function makeContent(length: number, random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let bytes = 0; bytes < length;) {
    const part = random.pick([
      () => random.bytes(1 + random.below(5000)),
      () => Buffer.from("a line of text\n".repeat(1 + random.below(300))),
      () => Buffer.from(`${random.below(1000)}\n`.repeat(1 + random.below(50))),
      () => FORGED,
      () => FORGED.subarray(random.below(FORGED.length)),
    ])();
    bytes += part.length;
    parts.push(part);
  }
  return Buffer.concat(parts).subarray(0, length);
}

async function feed(call: OutgoingCall, bytes: Uint8Array, random: Random): Promise<void> {
  const stdin = call.writer("stdin");
  let messages = 0;
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + random.below(50_000);
    await stdin.write(bytes.subarray(start, end));
    call.send("progress", messages++);
    start = end;
  }
  stdin.end();
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

/** Runs all pending promise callbacks, and returns whether all outputs have ended. */
async function isSettled(expectations: readonly Expectation[]): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve));
  const pending = Symbol("pending");
  const states = await Promise.all(
    expectations.map(({ output }) => Promise.race([output, Promise.resolve(pending)])),
  );
  return states.every((state) => state !== pending);
}
