/** Feeds mutated and random bytes to the readers, the dialects and an open session. */
import { describe, expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { NegotiatorError } from "../../src/errors.ts";
import { legacyEnvelope } from "../../src/peers/legacy/envelope.ts";
import { native } from "../../src/wire/dialects/native.ts";
import { createDiallerReader } from "../../src/wire/frames/dialler-reader.ts";
import { createListenerReader } from "../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../src/wire/frames/listener-reader.ts";
import { parseJsonObject } from "../../src/wire/json.ts";
import { chooseSeed, createRandom } from "../support/random.ts";
import type { Random } from "../support/random.ts";
import { legacyTable } from "../peers/legacy/legacy-table.ts";
import { nativeTable } from "../wire/dialects/native-table.ts";
import { createScriptedPeer } from "../wire/session/scripted-peer.ts";
import type { ScriptedPeer } from "../wire/session/scripted-peer.ts";
import { answer, FRESH, readPieces, TORN, WHOLE } from "../wire/frames/torn-frames.ts";

/** Each of the four tests gets a quarter of it. */
const BUDGET_MS = Number(process.env["NEGOTIATOR_FUZZ_MS"] ?? 3000);
const SEED = chooseSeed();
const LIMITS = {
  lineBytes: 8192,
  lengthPrefixedBytes: 16_384,
  firstCreditBytes: 4096,
  streamCreditBytes: 8192,
};
const MIB = 1024 * 1024;

const CORPUS: readonly Uint8Array[] = [
  ...[...nativeTable.cases, ...legacyTable.cases, ...nativeTable.spellings, ...legacyTable.spellings]
    .map(({ wire }) => new TextEncoder().encode(wire))
    .filter(({ length }) => length < 4096),
  ...Object.values(TORN),
  ...Object.values(FRESH),
];

console.log(`Fuzzing the wire with NEGOTIATOR_TEST_SEED=${SEED}`);

describe("fuzzed bytes", () => {
  test("fuzzed bytes do not make a reader throw, and a hello or an answer behind them is found", () => {
    const listener = createListenerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
    let rounds = 0;
    repeat((random) => {
      const isDialler = random.oneIn(2);
      const dialler = createDiallerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
      dialler.expectAnswer("unheard-of");
      const reader = isDialler ? dialler : listener;
      for (const piece of pieces(makeBytes(random), random)) for (const _ of reader.push(piece));
      if (!isDialler && random.oneIn(10)) reader.drop();
      const fresh = isDialler ? answer("unheard-of") : FRESH.hello;
      const found = [...pieces(fresh, random)].flatMap((piece) => readPieces(reader, piece, WHOLE));
      const expected = isDialler ? "native result -" : "hello new9";
      if (found.at(-1) !== expected) throw new Error(`found only ${found.join(", ")}`);
      if (++rounds % 100 === 0) listener.reset();
    });
  });

  test("fuzzed bytes are read alike in pieces of any size, until the order is lost", () => {
    const options = { isOnPort: true, acceptsRaw: () => true };
    const openListener = (isGreeted: boolean): FrameReader => {
      const reader = createListenerReader(LIMITS, options);
      if (isGreeted) readPieces(reader, FRESH.hello, WHOLE);
      return reader;
    };
    const openDialler = (isAnswered: boolean): FrameReader => {
      const reader = createDiallerReader(LIMITS, options);
      reader.expectAnswer("new9");
      if (isAnswered) readPieces(reader, FRESH["hello answer"], WHOLE);
      return reader;
    };
    repeat((random) => {
      const open = random.pick([openListener, openDialler]);
      const isOpen = random.oneIn(2);
      const bytes = join(makeBytes(random), makeBytes(random), makeBytes(random));
      const whole = readPieces(open(isOpen), bytes, WHOLE);
      const reader = open(isOpen);
      const parts = [...pieces(bytes, random)].flatMap((piece) => readPieces(reader, piece, WHOLE));
      const single = readPieces(open(isOpen), bytes, 1);
      for (const found of [parts, single]) {
        if (!Bun.deepEquals(inOrder(found), inOrder(whole)))
          throw new Error(`in pieces ${found.join(", ")}, and at once ${whole.join(", ")}`);
      }
    });
  });

  test("a dialect decodes fuzzed bytes, or refuses them with BAD_FRAME", () => {
    repeat((random) => {
      const bytes = makeBytes(random);
      for (const envelope of [native, legacyEnvelope]) {
        try {
          envelope.decode(parseJsonObject(bytes));
        } catch (thrown) {
          if (!(thrown instanceof NegotiatorError) || thrown.code !== "BAD_FRAME") throw thrown;
        }
      }
    });
  });

  test("after fuzzed bytes a session serves a call again with the next hello", () => {
    let isTooMuch = false;
    const open = (): ScriptedPeer => openPeer(() => (isTooMuch = true));
    let peer = open();
    let rounds = 0;
    repeat((random) => {
      if (++rounds % 500 === 0) peer = open();
      for (const piece of pieces(makeBytes(random), random)) peer.send(piece);
      if (random.oneIn(3)) peer.drain();
      if (random.oneIn(10)) peer.tick(1000);
      if (random.oneIn(20)) answerSome(peer, random);
      if (!random.oneIn(8)) return;
      // After too much invalid input the session reads nothing until it has another channel.
      if (isTooMuch) peer.session.detach();
      isTooMuch = false;
      peer.send(FRESH.hello);
      peer.seq = 0;
      if (peer.session.state !== "open") throw new Error(`no session after a hello: ${peer.session.state}`);
      peer.drain();
      const id = `good-${rounds}`;
      peer.count({ id, method: "good" });
      const call = peer.calls.at(-1);
      if (call?.id !== id) throw new Error("a good call was not taken");
      call.respond(1);
      if (!peer.drain().some((said) => said["id"] === id && said["result"] === 1))
        throw new Error("a good call was not answered");
    });
  });
});

/**
 * Returns the readings up to each loss of order. The pieces decide which messages are passed over after it,
 * and whether it is noticed before a hello.
 */
function inOrder(readings: readonly string[]): string[] {
  const kept: string[] = [];
  let isBroken = false;
  for (const reading of readings) {
    if (reading.startsWith("hello")) {
      if (kept.at(-1)?.startsWith("broken") === true) kept.pop();
      isBroken = false;
    }
    if (!isBroken) kept.push(reading);
    isBroken ||= reading.startsWith("broken");
  }
  return kept;
}

function openPeer(onInvalid: () => void): ScriptedPeer {
  return createScriptedPeer({ limits: { ...LIMITS, openCalls: 1_000_000 }, onInvalid });
}

function answerSome({ calls }: ScriptedPeer, random: Random): void {
  for (const call of calls.splice(0, random.below(calls.length + 1))) call.respond({ a: 1 });
}

/** Runs seeded rounds for a quarter of the time, and checks that they keep no memory. */
function repeat(round: (random: Random) => void): void {
  const end = performance.now() + BUDGET_MS / 4;
  const before = heldBytes();
  for (let seed = SEED; performance.now() < end; seed++) {
    try {
      round(createRandom(seed));
    } catch (cause) {
      throw new Error(`Repeat it with NEGOTIATOR_TEST_SEED=${seed}, or ${SEED} from the beginning`, {
        cause,
      });
    }
  }
  expect(heldBytes() - before).toBeLessThan(32 * MIB);
}

function makeBytes(random: Random): Uint8Array {
  if (random.oneIn(12)) return random.bytes(random.below(300));
  let bytes = new Uint8Array(random.pick(CORPUS));
  for (let count = random.below(4); count > 0; count--) bytes = mutate(bytes, random);
  return bytes;
}

function mutate(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const to = at + random.below(bytes.length - at + 1);
  const other = random.pick(CORPUS);
  const text = new TextDecoder("latin1").decode(bytes);
  switch (random.below(7)) {
    case 0: {
      const flipped = new Uint8Array(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
      return flipped;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return bytes.slice(at);
    case 3:
      return join(bytes.subarray(0, at), other.subarray(random.below(other.length + 1)));
    case 4:
      return join(bytes.subarray(0, to), bytes.subarray(at));
    case 5:
      return join(bytes.subarray(0, at), bytes.subarray(to));
    default: {
      const number = random.pick([
        "0",
        "-1",
        "1e400",
        "9007199254740993",
        "99999999999999999999",
        "0.5",
        "7",
      ]);
      return Uint8Array.from(
        Buffer.from(
          text.replace(/\d+/g, (old) => (random.oneIn(3) ? number : old)),
          "latin1",
        ),
      );
    }
  }
}

function* pieces(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + random.below(bytes.length);
    yield bytes.subarray(start, end);
    start = end;
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

function heldBytes(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}
