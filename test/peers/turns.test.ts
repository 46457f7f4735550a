/** Turns of peers: all that have work get the same time. */
import { expect, test } from "bun:test";
import { createTurns } from "../../src/peers/turns.ts";

/** Turns with a clock that only work moves, and rounds that the test begins. */
function createScene() {
  let nowMs = 0;
  const rounds: (() => void)[] = [];
  const log: string[] = [];
  const turns = createTurns({ now: () => nowMs, defer: (next) => void rounds.push(next) });
  return {
    log,
    open: () => turns.open(),
    /** Work that takes so long. */
    work: (name: string, ms: number) => () => {
      log.push(name);
      nowMs += ms;
    },
    pass: (ms: number) => void (nowMs += ms),
    round: () => rounds.shift()?.(),
    rounds: () => rounds.length,
  };
}

test("work runs at once while the round has time", () => {
  const { log, open, work } = createScene();
  const peer = open();
  expect(peer.run(work("a", 1))).toBeUndefined();
  expect(peer.run(work("b", 2))).toBeUndefined();
  expect(log).toEqual(["a", "b"]);
});

test("after four milliseconds work waits for the next round, and resolves after it has run", async () => {
  const { log, open, work, round, rounds } = createScene();
  const peer = open();
  void peer.run(work("long", 4));
  const waiting = peer.run(work("next", 1));
  expect(waiting).toBeInstanceOf(Promise);
  expect(log).toEqual(["long"]);
  round();
  await waiting;
  expect(log).toEqual(["long", "next"]);
  expect(rounds()).toBe(0);
});

test("the peer that has used the least time is next, and each peer's work stays in order", () => {
  const { log, open, work, round } = createScene();
  const [busy, other, idle] = [open(), open(), open()];
  void busy.run(work("busy 0", 10));
  void busy.run(work("busy 1", 1));
  void busy.run(work("busy 2", 1));
  void other.run(work("other 1", 5));
  void idle.run(work("idle 1", 1));
  void idle.run(work("idle 2", 1));
  round();
  round();
  round();
  expect(log).toEqual(["busy 0", "other 1", "idle 1", "idle 2", "busy 1", "busy 2"]);
});

test("a peer that was idle comes next, and gets no turns for the time before", () => {
  const { log, open, work, round } = createScene();
  const [busy, late] = [open(), open()];
  for (let count = 0; count < 4; count++) void busy.run(work(`busy ${count}`, 4));
  round();
  expect(log).toEqual(["busy 0", "busy 1"]);
  for (let count = 0; count < 4; count++) void late.run(work(`late ${count}`, 4));
  for (let count = 0; count < 6; count++) round();
  expect(log.slice(2)).toEqual(["late 0", "busy 2", "late 1", "busy 3", "late 2", "late 3"]);
});

test("the later cost of work counts for its peer and for the round", () => {
  const { log, open, work, round } = createScene();
  const [caller, other] = [open(), open()];
  void caller.run(work("call", 0), 4);
  void caller.run(work("call again", 0), 4);
  expect(log).toEqual(["call"]);
  expect(other.run(work("other", 0))).toBeUndefined();
  round();
  expect(log).toEqual(["call", "other", "call again"]);
});

function fail(): void {
  throw new Error("broken");
}

test("work that throws rejects, and the next work runs", async () => {
  const { log, open, work, round } = createScene();
  const peer = open();
  expect(() => peer.run(fail)).toThrow("broken");
  void peer.run(work("long", 4));
  const waiting = peer.run(fail);
  const next = peer.run(work("next", 1));
  round();
  expect(await waiting?.catch((error: Error) => error.message)).toBe("broken");
  await next;
  expect(log).toEqual(["long", "next"]);
});

test("work in vain counts three times for one such peer", () => {
  const { log, open, work, round } = createScene();
  const [vain, other] = [open(), open()];
  void vain.run(work("vain 0", 4));
  vain.countVain(4);
  void vain.run(work("vain 1", 4));
  for (let count = 0; count < 4; count++) void other.run(work(`other ${count}`, 4));
  for (let count = 0; count < 5; count++) round();
  expect(log).toEqual(["vain 0", "other 0", "other 1", "other 2", "vain 1", "other 3"]);
});

test("many peers with work in vain get half as much time together as another peer", () => {
  const { log, open, work, round } = createScene();
  const [good, ...vain] = Array.from({ length: 9 }, open);
  for (let turn = 0; turn < 12; turn++) {
    for (const peer of vain) {
      const wasted = (): void => {
        work("vain", 4)();
        peer.countVain(4);
      };
      void peer.run(wasted);
    }
  }
  for (let turn = 0; turn < 200; turn++) void good?.run(work("good", 4));
  for (let count = 0; count < 160; count++) round();
  const late = log.slice(-90);
  expect(late.filter((name) => name === "vain").length).toBeLessThanOrEqual(31);
  expect(late.filter((name) => name === "vain").length).toBeGreaterThanOrEqual(25);
});

test("a peer counts as one with work in vain for a second", () => {
  const { log, open, work, round, pass } = createScene();
  const [earlier, vain, other] = [open(), open(), open()];
  earlier.countVain(1);
  pass(2000);
  void vain.run(work("vain 0", 4));
  vain.countVain(4);
  void vain.run(work("vain 1", 4));
  for (let count = 0; count < 4; count++) void other.run(work(`other ${count}`, 4));
  for (let count = 0; count < 5; count++) round();
  expect(log.indexOf("vain 1")).toBe(4);
});
