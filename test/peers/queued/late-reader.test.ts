/** A stream whose source comes later. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createLateReader, readBytes } from "../../../src/peers/queued/late-reader.ts";
import { collect } from "../../support/collect.ts";

test("a late reader gives the bytes and the end of a source that is set later", async () => {
  const late = createLateReader();
  const reading = collect(late.reader);
  expect([late.reader.bytes, late.reader.isTruncated, late.reader.missedBytes]).toEqual([0, false, 0]);
  late.from({ ...readBytes(Buffer.from("héllo")), isTruncated: true, missedBytes: 7 });
  expect((await reading).toString()).toBe("héllo");
  expect([late.reader.bytes, late.reader.isTruncated, late.reader.missedBytes]).toEqual([6, true, 7]);
});

test("reading rejects when a late reader gets no source", async () => {
  const late = createLateReader();
  const reading = collect(late.reader);
  late.fail(new NegotiatorError("CLOSED", "gone"));
  expect(reading).rejects.toThrow("gone");
});

test.each(["before", "after"])("a cancel %s the source is set cancels the source", (when) => {
  const late = createLateReader();
  let cancels = 0;
  const source = { ...readBytes(Buffer.from("x")), cancel: () => void cancels++ };
  if (when === "before") late.reader.cancel();
  late.from(source);
  if (when === "after") late.reader.cancel();
  expect(cancels).toBe(1);
});
