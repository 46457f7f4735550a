/** The output of programs that clients of the guest agent start: it shares memory, and gives it back. */
import { expect, test } from "bun:test";
import { captureOutput, describeRecord } from "../../../src/methods/agent/exec-records.ts";
import { prepareRecord } from "../../../src/methods/agent/exec.ts";
import type { ExecRecords } from "../../../src/methods/agent/exec-records.ts";
import { createKeptItems } from "../../../src/methods/agent/kept-items.ts";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";

const MIB = 1024 * 1024;
const END = { exitCode: 0, signal: null };

test("output that no client asks for has bounded memory, and what is left out is marked", async () => {
  const memory = createAnswerMemory(4 * MIB);
  const outputs = Array.from({ length: 8 }, () => captureOutput("separated", memory));
  for (const { stdout } of outputs)
    for (let piece = 0; piece < 16; piece++) await stdout?.write(new Uint8Array(64 * 1024));
  const answers = outputs.map((output) => Object(describeRecord({ end: END, output })));
  const kept = answers.map((answer) => Buffer.from(answer["out-data"], "base64").length);
  expect(Math.max(...kept)).toBe(MIB);
  expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(4 * MIB + 8 * 256 * 1024);
  expect(answers.map((answer) => answer["out-truncated"])).toEqual(kept.map((bytes) => bytes < MIB));
});

test("output has no gap: after a piece without room, later ones are left out too", async () => {
  const memory = createAnswerMemory(0);
  const output = captureOutput("stdout", memory);
  const { stdout } = output;
  await stdout?.write(Buffer.from("a"));
  await stdout?.write(new Uint8Array(MIB));
  await stdout?.write(Buffer.from("b"));
  expect(output.members()).toEqual({
    "out-data": Buffer.from("a").toString("base64"),
    "out-truncated": true,
  });
});

test.each(["members", "drop"] as const)("%s gives the memory of the output back", async (way) => {
  const memory = createAnswerMemory(MIB);
  const first = captureOutput("stdout", memory);
  await first.stdout?.write(new Uint8Array(MIB));
  first[way]();
  const second = captureOutput("stdout", memory);
  await second.stdout?.write(new Uint8Array(MIB));
  expect(second.members()).toHaveProperty("out-truncated", false);
});

test("the input of running programs has bounded memory together", () => {
  const memory = createAnswerMemory(MIB);
  const records: ExecRecords = createKeptItems({
    most: 9,
    idleMs: 1,
    now: () => 0,
    isIdle: ({ end }) => end !== undefined,
    drop: () => undefined,
  });
  const prepare = () => prepareRecord({ records, memory }, { input: new Uint8Array(MIB), capture: "none" });
  const first = prepare();
  expect(prepare).toThrow("the running programs have too much input");
  first.held[Symbol.dispose]();
  expect(prepare().record.end).toBeUndefined();
});
