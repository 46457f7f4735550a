/** The stamp of a build is found in the bytes of its binary. */
import { expect, test } from "bun:test";
import { formatStamp, formatVersion, readStamp, VERSION } from "../src/version.ts";

const BUILD = { version: "1.2.3-rc.1+x", commit: "abc123-dirty", target: "linux-x64-musl-baseline" };
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

test("a stamp is read from anywhere in the bytes, also at their first one", () => {
  const stamp = formatStamp(BUILD);
  expect(readStamp(bytes(stamp))).toEqual(BUILD);
  expect(readStamp(bytes(`\0ELF${"x".repeat(500)}${stamp}rest`))).toEqual(BUILD);
});

test("bytes before and after the given part are not searched", () => {
  const whole = bytes(`${formatStamp(BUILD)}::::`);
  expect(readStamp(whole.subarray(1))).toBeUndefined();
  expect(readStamp(whole.subarray(0, 20))).toBeUndefined();
});

test("a mark without a whole stamp is passed over, and the next one is read", () => {
  const code = "negotiator-stamp:${version}:${commit};";
  expect(readStamp(bytes(`${code}${formatStamp(BUILD)}`))).toEqual(BUILD);
  expect(readStamp(bytes(`negotiator-stamp:${formatStamp(BUILD)}`))).toEqual(BUILD);
  expect(readStamp(bytes(code))).toBeUndefined();
  expect(readStamp(bytes(""))).toBeUndefined();
});

test("a stamp without its last field or its end is not a build", () => {
  expect(readStamp(bytes("negotiator-stamp:1:2:;"))).toBeUndefined();
  expect(readStamp(bytes("negotiator-stamp:1:2:3"))).toBeUndefined();
});

test("a program that is not a binary says the release, and that it runs from source", () => {
  expect(formatVersion()).toBe(`negotiator ${VERSION} (commit source, source, bun ${Bun.version})`);
});
