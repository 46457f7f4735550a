/** A session that is frozen in the middle of its calls goes on in another object as if nothing happened. */
import { expect, test } from "bun:test";
import { decodeState, encodeState } from "../../../src/roles/daemon/state-text.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { FrozenSession, Session } from "../../../src/wire/session/session.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import type { Random } from "../../support/random.ts";

const SCHEDULES = 40;
const MOST_BYTES = 200_000;
type Side = "dialler" | "listener";
type Ended = { id: string; sent: Uint8Array; parts: Uint8Array[]; end?: unknown };

test(`over ${SCHEDULES} random schedules each call has all its bytes and one answer`, async () => {
  const first = chooseSeed();
  for (let seed = first; seed < first + SCHEDULES; seed++) {
    await runSchedule(seed).catch((error: unknown) => {
      throw new Error(`Schedule failed; repeat it with NEGOTIATOR_TEST_SEED=${seed}`, { cause: error });
    });
  }
}, 300_000);

async function runSchedule(seed: number): Promise<void> {
  const random = createRandom(seed);
  const served: string[] = [];
  const callers = new Map<Side, Map<string, Ended>>([
    ["dialler", new Map()],
    ["listener", new Map()],
  ]);
  const sides: Partial<Record<Side, Session>> = {};
  const sessionOf = (side: Side): Session => {
    const session = sides[side];
    if (session === undefined) throw new Error(`There is no ${side}`);
    return session;
  };
  /** Bytes of each side that the other one has not got. */
  const flying: Record<Side, Uint8Array> = { dialler: new Uint8Array(0), listener: new Uint8Array(0) };
  const medium = random.oneIn(2) ? "port" : "socket";
  const open = (side: Side, frozen?: FrozenSession): void => {
    sides[side] = createSession({
      side,
      medium,
      frozen,
      agent: { name: "test", version: "1", role: side },
      makeId: () => Buffer.from(random.bytes(16)).toString("hex"),
      onOutput: () => undefined,
      onCall(call) {
        if (call.handOver?.given === undefined) served.push(call.id);
        call.handOver?.onFreeze(() => ({ isRunning: true }));
        void echo(call);
      },
    });
  };
  const freeze = (side: Side): void => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was a frozen session before
    const frozen = decodeState(encodeState(sessionOf(side).freeze())) as FrozenSession;
    open(side, frozen);
    sessionOf(side).thaw(0);
    for (const [id, ended] of callers.get(side) ?? []) {
      const call = ended.end === undefined ? sessionOf(side).claim(id) : undefined;
      if (call !== undefined) void follow(call, ended);
    }
  };
  open("dialler");
  open("listener");
  sessionOf("dialler").dial();
  const all: Ended[] = [];
  const wanted = 1 + random.below(5);
  for (let step = 0; all.length < wanted || all.some(({ end }) => end === undefined); step++) {
    if (step > 20_000) throw new Error(`No end after ${step} steps`);
    const side: Side = random.oneIn(2) ? "dialler" : "listener";
    const other: Side = side === "dialler" ? "listener" : "dialler";
    if (all.length < wanted && sessionOf(side).state === "open" && random.oneIn(3)) {
      const ended = startEcho(sessionOf(side), `call-${all.length}`, random);
      all.push(ended);
      callers.get(side)?.set(ended.id, ended);
    }
    const bytes = random.oneIn(3) ? undefined : sessionOf(side).next();
    if (bytes !== undefined) flying[side] = Buffer.concat([flying[side], bytes]);
    const piece = flying[side].subarray(0, random.below(100_000));
    flying[side] = flying[side].subarray(piece.length);
    if (piece.length > 0) sessionOf(other).receive(piece, 0);
    if (random.oneIn(20)) sessionOf(side).tick(0);
    await turn();
    if (random.oneIn(15) && sessionOf(side).state === "open") freeze(side);
  }
  expect(served.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
  for (const { sent, parts, end } of all) {
    expect(end).toEqual({ bytes: sent.length });
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
  }
}

function startEcho(session: Session, id: string, random: Random): Ended {
  const sent = random.bytes(random.below(random.oneIn(3) ? MOST_BYTES : 2000));
  const call = session.call({ id, method: "echo", read: ["out"], write: ["in"] });
  call
    .writer("in")
    .write(sent)
    .catch(() => undefined);
  call.writer("in").end();
  const ended: Ended = { id, sent, parts: [] };
  void follow(call, ended);
  return ended;
}

/** The session that was frozen never moves again, so this never goes on for a call of it. */
async function follow(call: OutgoingCall, ended: Ended): Promise<void> {
  try {
    for await (const part of call.reader("out")) ended.parts.push(part.slice());
    ended.end = (await call.answer).result;
  } catch (thrown) {
    ended.end = thrown;
  }
}

/** Each piece goes on within the turn in which it came, so a frozen call has no piece in between. */
async function echo(call: IncomingCall): Promise<void> {
  const [input, output] = [call.reader("in"), call.writer("out")];
  for await (const part of input) await output.write(part.slice());
  output.end();
  call.respond({ bytes: input.bytes });
}

function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}
