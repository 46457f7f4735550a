/** Writes lines of the audit as a helper of the daemon. A file system that hangs holds up only it. */
import { readSync, writeSync } from "node:fs";
import { openTrail } from "../audit/audit-trail.ts";
import type { FileTrail } from "../audit/audit-trail.ts";
import type { NegotiatorError } from "../errors.ts";
import { formatProblem, linesOf, parseOrder } from "./audit-order.ts";
import type { AuditOrder, AuditSizes } from "./audit-order.ts";
import { tryLockFile } from "./libc.ts";
import { ANSWERS } from "./order-answers.ts";

/** Fills a room with orders and returns the count of bytes, 0 at their end; and says a line of an answer. */
export type OrderStreams = { read: (room: Buffer) => number; say: (line: string) => void };

/**
 * Carries out the orders on standard input, one on each line, and answers each. Returns at their end. Tests
 * pass other streams.
 */
export async function writeAudit(
  { maxBytes, keep }: AuditSizes,
  { read, say }: OrderStreams = STANDARD_STREAMS,
): Promise<void> {
  const onProblem = (problem: NegotiatorError): void => say(`${ANSWERS.report}${formatProblem(problem)}`);
  const trails = new Map<string, FileTrail>();
  const trailOf = (path: string): FileTrail => {
    const known = trails.get(path);
    if (known !== undefined) return known;
    const trail = openTrail({ path, maxBytes, keep, tryLock: tryLockFile, onProblem });
    trails.set(path, trail);
    return trail;
  };
  for (const orders of readOrders(read)) {
    // One sync is enough for all lines that are there, so their answers wait for it. Other answers do not.
    const groups = orders.some((order) => order.do === "sync") ? [orders] : orders.map((order) => [order]);
    for (const group of groups) await answer(group, trailOf, say);
  }
}

async function answer(
  orders: readonly AuditOrder[],
  trailOf: (path: string) => FileTrail,
  say: OrderStreams["say"],
): Promise<void> {
  const results = orders.map((order) => carryOut(order, trailOf(order.path)));
  const synced = new Map<string, Promise<boolean>>();
  for (const [index, { path }] of orders.entries()) {
    let result = results[index];
    if (result === undefined) {
      const known = synced.get(path) ?? succeeds(trailOf(path).sync());
      synced.set(path, known);
      result = await known;
    }
    say(result ? ANSWERS.done : ANSWERS.failed);
  }
}

/** Returns undefined for a sync, which comes later. */
function carryOut(order: AuditOrder, trail: FileTrail): boolean | undefined {
  if (order.do === "sync") return undefined;
  if (order.do === "write")
    return linesOf(order)
      .map((line, index) => trail.write(line, order.isRefused && index === order.lines.length - 1))
      .at(-1);
  trail[order.do]();
  return true;
}

async function succeeds(action: Promise<unknown>): Promise<boolean> {
  try {
    await action;
    return true;
  } catch {
    // The trail has reported it.
    return false;
  }
}

const ROOM_BYTES = 65_536;

/** Returns the orders that are there, at least one each time. */
function* readOrders(read: OrderStreams["read"]): Generator<AuditOrder[]> {
  const room = Buffer.alloc(ROOM_BYTES);
  const decoder = new TextDecoder();
  for (let partial = ""; ;) {
    const count = read(room);
    if (count === 0) return;
    const lines = (partial + decoder.decode(room.subarray(0, count), { stream: true })).split("\n");
    partial = lines.pop() ?? "";
    if (lines.length > 0) yield lines.map(parseOrder);
  }
}

const STANDARD_STREAMS: OrderStreams = {
  read: (room) => readSync(0, room),
  say(line) {
    try {
      writeSync(1, `${line}\n`);
    } catch {
      // The daemon has ended. The lines that it has sent are written all the same.
    }
  },
};
