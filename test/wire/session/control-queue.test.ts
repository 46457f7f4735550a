/** The lines beside the order: as they were put in, and one pong for any number of pings. */
import { expect, test } from "bun:test";
import { createControlQueue } from "../../../src/wire/session/control-queue.ts";
import type { ControlQueue } from "../../../src/wire/session/control-queue.ts";

const PONG = '{"jsonrpc":"2.0","method":"session.pong","params":{}}\n';
const PING = '{"jsonrpc":"2.0","method":"session.ping","params":{}}\n';

function shiftAll(aside: ControlQueue): string[] {
  const lines: string[] = [];
  for (let line = aside.shift(); line !== undefined; line = aside.shift())
    lines.push(new TextDecoder().decode(line));
  return lines;
}

test("lines come out in their order, each once", () => {
  const aside = createControlQueue(() => {});
  aside.write(new TextEncoder().encode("any bytes"));
  aside.say({ kind: "ping" });
  expect(shiftAll(aside)).toEqual(["any bytes", PING]);
  expect(shiftAll(aside)).toEqual([]);
});

test("any number of pings is answered once, behind the lines that wait, and the next again", () => {
  const aside = createControlQueue(() => {});
  for (let count = 0; count < 1000; count++) aside.pong();
  aside.say({ kind: "ping" });
  expect(shiftAll(aside)).toEqual([PING, PONG]);
  aside.pong();
  expect(shiftAll(aside)).toEqual([PONG]);
});

test("what was cleared is not said, nor is the pong that was owed", () => {
  const aside = createControlQueue(() => {});
  aside.say({ kind: "ping" });
  aside.pong();
  aside.clear();
  expect(shiftAll(aside)).toEqual([]);
});

test("whoever puts something in is heard", () => {
  let heard = 0;
  const aside = createControlQueue(() => heard++);
  aside.write(new Uint8Array(1));
  aside.say({ kind: "ping" });
  aside.pong();
  expect(heard).toBe(3);
});
