/** The control queue keeps the order of its lines, and answers any number of pings with one pong. */
import { expect, test } from "bun:test";
import { createControlQueue } from "../../../src/wire/session/control-queue.ts";
import type { ControlQueue } from "../../../src/wire/session/control-queue.ts";

const PONG = '{"jsonrpc":"2.0","method":"session.pong","params":{}}\n';
const PING = '{"jsonrpc":"2.0","method":"session.ping","params":{}}\n';

function shiftAll(queue: ControlQueue): string[] {
  const lines: string[] = [];
  for (let line = queue.shift(); line !== undefined; line = queue.shift())
    lines.push(new TextDecoder().decode(line));
  return lines;
}

test("the control queue gives out each line once, in order", () => {
  const queue = createControlQueue(() => {});
  queue.pushBytes(new TextEncoder().encode("any bytes"));
  queue.push({ kind: "ping" });
  expect(shiftAll(queue)).toEqual(["any bytes", PING]);
  expect(shiftAll(queue)).toEqual([]);
});

test("1000 pings get one pong after the waiting lines, and a later ping gets another", () => {
  const queue = createControlQueue(() => {});
  for (let count = 0; count < 1000; count++) queue.answerPing();
  queue.push({ kind: "ping" });
  expect(shiftAll(queue)).toEqual([PING, PONG]);
  queue.answerPing();
  expect(shiftAll(queue)).toEqual([PONG]);
});

test("clear removes the waiting lines and the owed pong", () => {
  const queue = createControlQueue(() => {});
  queue.push({ kind: "ping" });
  queue.answerPing();
  queue.clear();
  expect(shiftAll(queue)).toEqual([]);
});

test("each addition to the control queue calls onOutput", () => {
  let outputs = 0;
  const queue = createControlQueue(() => outputs++);
  queue.pushBytes(new Uint8Array(1));
  queue.push({ kind: "ping" });
  queue.answerPing();
  expect(outputs).toBe(3);
});
