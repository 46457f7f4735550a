/** Fuzz targets of the wire: the readers of frames, the dialects, and an open session. */
import { NegotiatorError } from "../../../src/errors.ts";
import { legacyEnvelope, readLegacyParams } from "../../../src/peers/legacy/envelope.ts";
import { createObjectFramer } from "../../../src/peers/object-framer.ts";
import { isOldestMessage, readHelloAnswer, readOldestMessage } from "../../../src/peers/oldest/envelope.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import { createDiallerReader } from "../../../src/wire/frames/dialler-reader.ts";
import { createListenerReader } from "../../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../../src/wire/frames/listener-reader.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import { isHello, readHello, readWelcome } from "../../../src/wire/session/handshake.ts";
import { legacyTable } from "../../peers/legacy/legacy-table.ts";
import type { Random } from "../../support/random.ts";
import { nativeTable } from "../../wire/dialects/native-table.ts";
import { bytesOf, loadVectors } from "../../vectors/vectors.ts";
import { answer, FRESH, readPieces, TORN, WHOLE } from "../../wire/frames/torn-frames.ts";
import { createScriptedPeer } from "../../wire/session/scripted-peer.ts";
import type { ScriptedPeer } from "../../wire/session/scripted-peer.ts";
import type { FuzzRound, FuzzTarget } from "../fuzz-target.ts";
import { join, makeBytes as makeFrom, pieces, toCorpus } from "../mutation.ts";
import { refusesWith } from "./refusals.ts";

const LIMITS = {
  lineBytes: 8192,
  lengthPrefixedBytes: 16_384,
  firstCreditBytes: 4096,
  streamCreditBytes: 8192,
};
const AGENT = { name: "fuzz", version: "1", role: "host" } as const;

type ByteVector = { name: string; bytes?: string };

const CORPUS: readonly Uint8Array[] = [
  ...toCorpus(
    [nativeTable, legacyTable].flatMap(({ cases, spellings }) =>
      [...cases, ...spellings].map(({ wire }) => wire),
    ),
  ),
  ...["frames.json", "lines.json", "hellos.json"]
    .flatMap((file) => loadVectors<ByteVector>(file))
    .map(([, { bytes = "" }]) => bytesOf(bytes)),
  ...Object.values(TORN),
  ...Object.values(FRESH),
].filter(({ length }) => length < 4096);

const makeBytes = (random: Random): Uint8Array => makeFrom(CORPUS, random);

/** How bytes are refused that are not a JSON object of ours. */
const NOT_JSON = ["BAD_FRAME", "TOO_LARGE"] as const;

/** The targets by name. */
export const WIRE_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  frames: {
    what: "fuzzed bytes do not make a reader throw, and a hello or an answer behind them is found",
    start: (): FuzzRound => {
      const listener = createListenerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
      let rounds = 0;
      return (random) => {
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
      };
    },
  },
  pieces: {
    what: "fuzzed bytes are read alike in pieces of any size, until the order is lost",
    start: (): FuzzRound => {
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
      return (random) => {
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
      };
    },
  },
  dialects: {
    what: "a dialect decodes fuzzed bytes, or refuses them with BAD_FRAME",
    start: (): FuzzRound => (random) => {
      const bytes = makeBytes(random);
      for (const envelope of [native, legacyEnvelope])
        refusesWith(NOT_JSON, () => envelope.decode(parseJsonObject(bytes)));
      const object = refusesWith(NOT_JSON, () => parseJsonObject(bytes));
      if (object === undefined) return;
      const isOldest = isOldestMessage(object);
      const oldest = refusesWith(["BAD_FRAME"], () => readOldestMessage(object));
      if (isOldest !== (oldest !== undefined && !("jsonrpc" in object)))
        throw new Error("a message of the oldest releases is not recognised as one, or another is");
      readHelloAnswer(object, "new9");
    },
  },
  requests: {
    what: "requests of a python-negotiator and objects of its stream are read, or refused in our words",
    start: (): FuzzRound => (random) => {
      const bytes = join(makeBytes(random), makeBytes(random));
      const framer = createObjectFramer(LIMITS);
      for (const piece of pieces(bytes, random)) {
        for (const object of framer.push(piece)) {
          if (object instanceof NegotiatorError) continue;
          const message = refusesWith(["BAD_FRAME"], () => legacyEnvelope.decode(object));
          if (message?.kind === "request") refusesWith(["BAD_REQUEST"], () => readLegacyParams(message));
        }
      }
    },
  },
  hellos: {
    what: "a hello and its answer are read, or refused with BAD_REQUEST or UNSUPPORTED",
    start: (): FuzzRound => (random) => {
      const message = refusesWith(NOT_JSON, () => native.decode(parseJsonObject(makeBytes(random))));
      if (message === undefined) return;
      const refusals = ["BAD_REQUEST", "UNSUPPORTED"] as const;
      if (isHello(message)) refusesWith(refusals, () => readHello(message, AGENT));
      if (message.kind === "result")
        refusesWith(refusals, () => readWelcome(message.result, "session", AGENT));
    },
  },
  session: {
    what: "after fuzzed bytes a session serves a call again with the next hello",
    start: (): FuzzRound => {
      let isTooMuch = false;
      const open = (): ScriptedPeer => openPeer(() => (isTooMuch = true));
      let peer = open();
      let rounds = 0;
      return (random) => {
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
      };
    },
  },
};

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
