/** Large buffers are given back at once, and bytes that others may still use are not. */
import { expect, test } from "bun:test";
import { releaseBuffer, releaseBytes } from "../../src/wire/released-bytes.ts";

const LARGE = 64 * 1024;

test("a large buffer is empty after its release", () => {
  const bytes = new Uint8Array(LARGE);
  releaseBytes(bytes);
  expect(bytes).toHaveLength(0);
});

test("a small buffer, a part of a buffer and a shared buffer stay as they are", () => {
  const whole = new Uint8Array(2 * LARGE);
  const kept = [
    new Uint8Array(LARGE - 1),
    whole.subarray(LARGE),
    new Uint8Array(new SharedArrayBuffer(LARGE)),
  ];
  const lengths = kept.map(({ length }) => length);
  kept.forEach(releaseBytes);
  expect(kept.map(({ length }) => length)).toEqual(lengths);
});

test("the buffer of a part of large bytes is released", () => {
  const large = new Uint8Array(64 * 1024);
  releaseBuffer(large.subarray(0, 10));
  expect(large).toHaveLength(0);
});

test("the buffer of small bytes stays", () => {
  const small = new Uint8Array(64 * 1024 - 1);
  releaseBuffer(small);
  expect(small).toHaveLength(64 * 1024 - 1);
});
