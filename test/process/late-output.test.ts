/** Output whose descriptor is opened with its first byte. */
import { expect, test } from "bun:test";
import { fstatSync, writeSync, closeSync } from "node:fs";
import { pumpStream } from "../../src/process/late-output.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { createCapturingSink } from "../support/captured-run.ts";

function createLate() {
  let tell: ((fd: number | undefined) => void) | undefined;
  return {
    end: { fd: undefined, onOpen: (listener: typeof tell) => void (tell = listener) },
    open: (fd: number | undefined) => tell?.(fd),
  };
}

test("bytes of a descriptor that is opened later come whole, and its end ends the pump", async () => {
  const late = createLate();
  const sink = createCapturingSink();
  const pump = pumpStream(late.end, sink);
  expect([pump.isEnded, pump.facts()]).toEqual([false, { bytes: 0, truncated: false }]);
  const { readFd, writeFd } = createPipe();
  late.open(readFd);
  writeSync(writeFd, "words");
  closeSync(writeFd);
  await pump.ended;
  expect([sink.text(), pump.isEnded]).toEqual(["words", true]);
  expect(pump.facts()).toEqual({ bytes: 5, truncated: false });
});

test("a stream that gets no descriptor ends without bytes, and is whole", async () => {
  const late = createLate();
  const pump = pumpStream(late.end, createCapturingSink());
  late.open(undefined);
  await pump.ended;
  expect([pump.isEnded, pump.facts()]).toEqual([true, { bytes: 0, truncated: false }]);
});

test("a pump that is aborted before its descriptor is opened is truncated, and closes it", async () => {
  const late = createLate();
  const pump = pumpStream(late.end, createCapturingSink());
  pump.abort();
  await pump.ended;
  expect([pump.isEnded, pump.facts()]).toEqual([true, { bytes: 0, truncated: true }]);
  const { readFd, writeFd } = createPipe();
  late.open(readFd);
  closeSync(writeFd);
  expect(() => fstatSync(readFd)).toThrow("EBADF");
});
