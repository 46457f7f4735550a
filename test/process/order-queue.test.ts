/** Orders to a helper, which answers soon, late or never. */
import { expect, test } from "bun:test";
import { constants, openSync } from "node:fs";
import { OrderQueue } from "../../src/process/order-queue.ts";
import type { FrozenOrders } from "../../src/process/order-queue.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

/** Answers each order. */
const PROMPT = ["/bin/sh", "-c", "while read -r line; do echo +; done"] as const;
/** Answers each order later than an answer that nothing waits for is read. */
const SLOW = ["/bin/sh", "-c", "while read -r line; do sleep 0.05; echo +; done"] as const;

function createQueue(command: readonly [string, ...string[]]): OrderQueue & Disposable {
  const queue = new OrderQueue(command, () => undefined);
  return Object.assign(queue, { [Symbol.dispose]: () => queue.giveUp() });
}

for (const [how, command] of Object.entries({ soon: PROMPT, late: SLOW })) {
  test(`a helper that answers ${how}: its answers are read though nothing waits for them`, async () => {
    using queue = createQueue(command);
    const orders = ["one", "two", "three"].map((text) => queue.push(text));
    await until("all are answered", () => orders.every(({ result }) => result === true));
    expect(queue.stuckMs).toBe(0);
  });

  test(`a helper that answers ${how}: the wait for an order ends with its answer`, async () => {
    using queue = createQueue(command);
    const before = queue.push("one");
    const order = queue.push("two");
    expect(await order.done()).toBe(true);
    expect(before.result).toBe(true);
    expect(await before.done()).toBe(true);
  });

  test(`a helper that answers ${how}: the end waits for the answers`, async () => {
    using queue = createQueue(command);
    const order = queue.push("one");
    queue.end();
    await queue.ended;
    expect(order.result).toBe(true);
  });
}

test("the look at an order reads the answer to one before it too", async () => {
  using queue = createQueue(PROMPT);
  await queue.push("the start").done();
  const before = queue.push("one");
  const order = queue.push("two");
  await until("the answer is there", () => queue.look(order) === true);
  expect(before.result).toBe(true);
});

/** Writes a line to `path` at its start, and answers each order. */
function noting(path: string): readonly [string, ...string[]] {
  return ["/bin/sh", "-c", 'echo start >>"$0"; while read -r line; do echo +; done', path];
}

/** Returns what the next program gets. Both live in one process here, so it gets other descriptors. */
function passOn(queue: OrderQueue): FrozenOrders {
  const { orders, helper } = queue.freeze();
  if (helper === undefined) throw new Error("The helper is not handed over");
  const inFd = reopen(helper.inFd, constants.O_WRONLY);
  const outFd = reopen(helper.outFd, constants.O_RDONLY);
  queue.giveUp();
  return { orders, helper: { ...helper, inFd, outFd } };
}

/** Returns what a program leaves whose helper has answered an order. */
async function leaveHelper(command: readonly [string, ...string[]]): Promise<FrozenOrders> {
  const before = createQueue(command);
  await before.push("one").done();
  return passOn(before);
}

function reopen(fd: number, access: number): number {
  return openSync(`/proc/self/fd/${fd}`, access | constants.O_NONBLOCK);
}

async function countStarts(path: string): Promise<number> {
  return (await Bun.file(path).text()).split("\n").length - 1;
}

test("a helper whose orders are answered goes on for the next program, and is replaced later", async () => {
  await using directory = await createTemporaryDirectory();
  const command = noting(directory.at("starts"));
  const frozen = await leaveHelper(command);
  using after = createQueue(command);
  after.thaw(frozen, 1);
  expect(after.hasAnswered).toBe(true);
  expect(await after.push("two").done()).toBe(true);
  await until("the next helper has started", async () => (await countStarts(directory.at("starts"))) === 2);
  expect(await after.push("three").done()).toBe(true);
  expect(await countStarts(directory.at("starts"))).toBe(2);
});

test("an order that is answered during the handover is not given to the next program", async () => {
  using before = createQueue(PROMPT);
  await before.push("the start").done();
  const order = before.push("one");
  const { orders, helper } = before.freeze();
  expect(orders).toEqual([]);
  expect(helper).toBeDefined();
  expect(order.result).toBe(true);
});

test("a helper of other words is left, and its orders go to one of the next program", async () => {
  await using directory = await createTemporaryDirectory();
  const frozen = await leaveHelper(noting(directory.at("before")));
  using after = createQueue(noting(directory.at("after")));
  after.thaw(frozen);
  expect(await after.push("two").done()).toBe(true);
  expect(await countStarts(directory.at("after"))).toBe(1);
});

test("a helper that was handed over and is killed is replaced", async () => {
  await using directory = await createTemporaryDirectory();
  const command = noting(directory.at("starts"));
  const frozen = await leaveHelper(command);
  using after = createQueue(command);
  after.thaw(frozen);
  process.kill(frozen.helper?.pid ?? 0, "SIGKILL");
  expect(await after.push("two").done()).toBe(true);
  expect(await countStarts(directory.at("starts"))).toBe(2);
});
