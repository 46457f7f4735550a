/** Over random restarts of the listener a call runs once and is answered, or its outcome is unknown. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import { FORGED } from "../frames/torn-frames.ts";
import { settle } from "./scripted-peer.ts";
import { createSessionPair } from "./session-pair.ts";

const SCHEDULES = Number(process.env["NEGOTIATOR_SCHEDULES"] ?? 300);
const CONTENT = Buffer.concat([
  FORGED,
  Buffer.from([0xff, 0, 0x0a]),
  Buffer.from("7\n".repeat(2000)),
  FORGED,
]);

test(`over ${SCHEDULES} schedules of restarts no call runs twice, and no answer is wrong`, async () => {
  const first = chooseSeed();
  const ends = { answered: 0, unknown: 0 };
  for (let seed = first; seed < first + SCHEDULES; seed++) {
    await runSchedule(seed, ends).catch((error: unknown) => {
      throw new Error(`Schedule failed; repeat it with NEGOTIATOR_TEST_SEED=${seed}`, { cause: error });
    });
  }
  expect(ends.answered).toBeGreaterThan(SCHEDULES);
  expect(ends.unknown).toBeGreaterThan(SCHEDULES / 10);
}, 600_000);

async function runSchedule(seed: number, ends: { answered: number; unknown: number }): Promise<void> {
  const random = createRandom(seed);
  const runs = new Map<string, number>();
  const serve = (call: IncomingCall): void => {
    runs.set(call.id, (runs.get(call.id) ?? 0) + 1);
    void echo(call).catch(() => {});
  };
  const pair = createSessionPair({ random, onCall: { host: () => {}, guest: serve } });
  pair.host.dial();

  const calls: Promise<void>[] = [];
  const settled = new Set<string>();
  let restarts = 1 + random.below(3);
  for (let step = 0; settled.size < 6; step++) {
    if (step > 20_000) throw new Error(`No end after ${step} steps`);
    if (calls.length < 6 && random.oneIn(6)) {
      const call = pair.host.call({
        method: "echo",
        id: `call-${calls.length}`,
        read: ["out"],
        write: ["in"],
      });
      calls.push(check(call, ends).finally(() => void settled.add(call.id)));
    }
    if (restarts > 0 && random.oneIn(25)) {
      restarts--;
      pair.restartGuest();
    }
    if (random.oneIn(30)) pair.tick();
    pair.move(random.oneIn(2) ? "host" : "guest");
    // A guest that has restarted answers nothing until it gets a message.
    if (pair.host.state === "cut" || (pair.isQuiet && random.oneIn(40))) pair.cut();
    await settle();
  }
  await Promise.all(calls);
  for (const [id, count] of runs) expect([id, count]).toEqual([id, 1]);
}

/** Expects the whole content back, or the code UNKNOWN_OUTCOME. */
async function check(call: OutgoingCall, ends: { answered: number; unknown: number }): Promise<void> {
  const stdin = call.writer("in");
  stdin.write(CONTENT).catch(() => {});
  stdin.end();
  const parts: Uint8Array[] = [];
  try {
    for await (const piece of call.reader("out")) parts.push(piece);
    const { result } = await call.answer;
    expect(result).toEqual({ bytes: CONTENT.length });
    expect(Buffer.compare(Buffer.concat(parts), CONTENT)).toBe(0);
    ends.answered++;
  } catch (thrown) {
    if (!(thrown instanceof NegotiatorError) || thrown.code !== "UNKNOWN_OUTCOME") throw thrown;
    ends.unknown++;
  }
}

async function echo(call: IncomingCall): Promise<void> {
  let bytes = 0;
  for await (const piece of call.reader("in")) {
    bytes += piece.length;
    await call.writer("out").write(piece);
  }
  call.respond({ bytes });
}
