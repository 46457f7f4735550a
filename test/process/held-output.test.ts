/** The words of a helper are held back; all other bytes are the command's. */
import { expect, test } from "bun:test";
import { holdOutput } from "../../src/process/held-output.ts";
import { createCapturingSink } from "../support/captured-run.ts";

const MOST_BYTES = 64 * 1024;

function hold(first?: string) {
  const sink = createCapturingSink();
  const held = holdOutput("tool", sink, first === undefined ? undefined : Buffer.from(first));
  return { sink, held, write: (text: string) => held.write(Buffer.from(text)) };
}

test("the words of the helper are held, whole or in parts, and have no name", async () => {
  const { sink, held, write } = hold();
  expect([held.isOpen, held.said]).toEqual([true, undefined]);
  await write("to");
  expect([held.isOpen, held.said]).toEqual([true, undefined]);
  await write("ol: ");
  expect(held.said).toBe("");
  await write("it failed\n");
  expect([held.isOpen, held.said, sink.text()]).toEqual([true, "it failed\n", ""]);
});

test("bytes that do not begin with the name go on at once, with those that were held", async () => {
  const { sink, held, write } = hold();
  await write("too");
  await write("th");
  expect([held.isOpen, held.said, held.freeze(), sink.text()]).toEqual([
    false,
    undefined,
    undefined,
    "tooth",
  ]);
  await write("tool: more");
  await held.passOn();
  expect(sink.text()).toBe("toothtool: more");
});

test("held output is passed on once", async () => {
  const { sink, held, write } = hold("tool: ");
  await write("said");
  expect(held.freeze()).toEqual({ name: "tool", bytes: Buffer.from("tool: said") });
  await held.passOn();
  await held.passOn();
  expect([held.isOpen, sink.text()]).toEqual([false, "tool: said"]);
});

test("the sink gets no empty chunk when nothing is held", async () => {
  const chunks: number[] = [];
  const held = holdOutput("tool", { write: async ({ length }) => void chunks.push(length) });
  await held.passOn();
  expect(chunks).toEqual([]);
});

test("words that are longer than any message are the command's", async () => {
  const { sink, held, write } = hold();
  await write("tool: ".padEnd(MOST_BYTES, "x"));
  expect([held.isOpen, sink.text()]).toEqual([true, ""]);
  await write("y");
  expect([held.isOpen, sink.text().length]).toEqual([false, MOST_BYTES + 1]);
});
