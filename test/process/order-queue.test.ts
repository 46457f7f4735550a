/** Orders to a helper, which answers soon, late or never. */
import { expect, test } from "bun:test";
import { OrderQueue } from "../../src/process/order-queue.ts";
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
