/** A stream whose source comes later: it is read, told of, cancelled and lost like any other. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { createLateReader, readBytes } from "../../src/peers/late-reader.ts";
import { collect } from "../support/collect.ts";

test("gives what its source has, whenever that comes", async () => {
  const late = createLateReader();
  const reading = collect(late.reader);
  expect([late.reader.bytes, late.reader.isTruncated, late.reader.missedBytes]).toEqual([0, false, 0]);
  late.from({ ...readBytes(Buffer.from("héllo")), isTruncated: true, missedBytes: 7 });
  expect((await reading).toString()).toBe("héllo");
  expect([late.reader.bytes, late.reader.isTruncated, late.reader.missedBytes]).toEqual([6, true, 7]);
});

test("throws when there will be none", async () => {
  const late = createLateReader();
  const reading = collect(late.reader);
  late.fail(new NegotiatorError("CLOSED", "gone"));
  expect(reading).rejects.toThrow("gone");
});

test.each(["before", "after"])("a cancel %s the source has come reaches it", (when) => {
  const late = createLateReader();
  let cancels = 0;
  const source = { ...readBytes(Buffer.from("x")), cancel: () => void cancels++ };
  if (when === "before") late.reader.cancel();
  late.from(source);
  if (when === "after") late.reader.cancel();
  expect(cancels).toBe(1);
});
