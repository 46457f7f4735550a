/** When a port counts as dead. */
import { expect, test } from "bun:test";
import { createPortProgress, deadPortError } from "../../../src/channels/port/dead-port.ts";

test("a port is dead when a write waits for 20 s and the host has sent three times meanwhile", () => {
  const progress = createPortProgress();
  progress.wait(0);
  expect([1000, 9000, 19_000, 20_000].map((nowMs) => progress.hear(nowMs))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

test("bytes that come together count once, and silence of the host is not a sign", () => {
  const progress = createPortProgress();
  progress.wait(0);
  expect([100, 200, 300, 25_000].map((nowMs) => progress.hear(nowMs))).toEqual([false, false, false, false]);
  expect(progress.hear(26_000)).toBe(true);
});

test("a port that has taken a byte, or on which nothing waits, is not dead", () => {
  const progress = createPortProgress();
  expect([0, 30_000, 60_000, 90_000].map((nowMs) => progress.hear(nowMs))).not.toContain(true);
  progress.wait(100_000);
  progress.hear(101_000);
  progress.hear(111_000);
  progress.take();
  expect(progress.hear(130_000)).toBe(false);
  progress.wait(131_000);
  expect([132_000, 140_000, 150_000].map((nowMs) => progress.hear(nowMs))).toEqual([false, false, false]);
});

test("waits and bytes at the exact bounds of 20 s and one second count", () => {
  const progress = createPortProgress();
  progress.wait(5);
  // A second wait does not start the time again.
  progress.wait(10_000);
  expect([18_005, 19_005].map((nowMs) => progress.hear(nowMs))).toEqual([false, false]);
  expect(progress.hear(20_004)).toBe(false);
  expect(progress.hear(20_005)).toBe(true);
});

test("the error for a dead port that is not a virtio-serial port says only to restart the guest", () => {
  expect(deadPortError("/dev/null")).toMatchObject({
    code: "NO_CHANNEL",
    message:
      'Port "/dev/null" is dead: the host sends, and the port takes no bytes. QEMU has lost its buffers\n' +
      "Restart the guest",
  });
});
