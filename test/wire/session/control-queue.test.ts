/** The lines beside the order: as they were put in, and one pong for any number of pings. */
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

test("lines come out in their order, each once", () => {
  const queue = createControlQueue(() => {});
  queue.pushBytes(new TextEncoder().encode("any bytes"));
  queue.push({ kind: "ping" });
  expect(shiftAll(queue)).toEqual(["any bytes", PING]);
  expect(shiftAll(queue)).toEqual([]);
});

test("any number of pings is answered once, behind the lines that wait, and the next again", () => {
  const queue = createControlQueue(() => {});
  for (let count = 0; count < 1000; count++) queue.answerPing();
  queue.push({ kind: "ping" });
  expect(shiftAll(queue)).toEqual([PING, PONG]);
  queue.answerPing();
  expect(shiftAll(queue)).toEqual([PONG]);
});

test("what was cleared is not said, nor is the pong that was owed", () => {
  const queue = createControlQueue(() => {});
  queue.push({ kind: "ping" });
  queue.answerPing();
  queue.clear();
  expect(shiftAll(queue)).toEqual([]);
});

test("whoever puts something in is heard", () => {
  let heard = 0;
  const queue = createControlQueue(() => heard++);
  queue.pushBytes(new Uint8Array(1));
  queue.push({ kind: "ping" });
  queue.answerPing();
  expect(heard).toBe(3);
});
