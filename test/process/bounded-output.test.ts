/** Output in memory, up to a bound. */
import { expect, test } from "bun:test";
import { createBoundedOutput } from "../../src/process/bounded-output.ts";

test("output up to its bound is kept, also when its memory is used again", async () => {
  const output = createBoundedOutput(4);
  const room = Uint8Array.of(0x61, 0x62);
  await output.write(room);
  room.set([0x63, 0x64]);
  await output.write(room);
  expect([output.bytes().toString(), output.isFull]).toEqual(["abcd", false]);
});

test("output beyond its bound is full, and keeps no part of the chunk that was too much", async () => {
  const output = createBoundedOutput(4);
  await output.write(Buffer.from("ab"));
  await output.write(Buffer.from("cde"));
  await output.write(Buffer.from("f"));
  expect([output.bytes().toString(), output.isFull]).toEqual(["ab", true]);
});
