/** The clock is read and set in nanoseconds, and the time zone is that of the system's file. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { createClockCommands } from "../../../src/methods/agent/clock.ts";
import type { ClockTools } from "../../../src/methods/agent/clock.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

/** Returns calls on a machine that writes down what happens to its clock. */
function createMachine(changes: Partial<ClockTools> = {}) {
  const done: string[] = [];
  const { call } = createAgentCalls(
    createClockCommands({
      readClock: () => 1_700_000_000_123_456n,
      setClock(us) {
        done.push(`set ${us}`);
        return 0;
      },
      async runTool(words) {
        done.push(words.join(" "));
        return { exitCode: 0 };
      },
      zoneFile: "/nowhere",
      ...changes,
    }),
  );
  return { call, done };
}

test("the time is in nanoseconds", async () => {
  expect(await createMachine().call("guest-get-time")).toBe(1_700_000_000_123_456_000n);
});

test("a time sets the clock, and then the hardware clock", async () => {
  const { call, done } = createMachine();
  expect(await call("guest-set-time", { time: 1_700_000_000_123_456_789n })).toEqual({});
  expect(done).toEqual(["set 1700000000123456", "hwclock -w"]);
});

test("without a time, the clock is set by the hardware clock", async () => {
  const { call, done } = createMachine();
  expect(await call("guest-set-time")).toEqual({});
  expect(done).toEqual(["hwclock -s"]);
});

test.each([
  [0n, ["set 0", "hwclock -w"]],
  [3_155_759_999_999_999_999n, ["set 3155759999999999", "hwclock -w"]],
])("the time %d can be set", async (time, expected) => {
  const { call, done } = createMachine();
  expect(await call("guest-set-time", { time })).toEqual({});
  expect(done).toEqual(expected);
});

test.each([
  [-1n, "NOT_EXECUTABLE", "Failed to set time to guest: Invalid argument"],
  [3_155_760_000_000_000_000n, "BAD_REQUEST", "Time 3155760000000000000 is too large"],
])("the time %d cannot be set, and changes nothing", async (time, code, message) => {
  const { call, done } = createMachine();
  expect(await rejectionOf(call("guest-set-time", { time }))).toMatchObject({ code, message });
  expect(done).toEqual([]);
});

test("a clock that cannot be set leaves the hardware clock alone", async () => {
  const { call, done } = createMachine({ setClock: () => 1 });
  expect(await rejectionOf(call("guest-set-time", { time: 1n }))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "Failed to set time to guest: Operation not permitted",
  });
  expect(done).toEqual([]);
});

test.each([1, null])("a hardware clock whose program ends with %p is an error", async (exitCode) => {
  const { call } = createMachine({ runTool: async () => ({ exitCode }) });
  expect(await rejectionOf(call("guest-set-time"))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "hwclock failed to set hardware clock to system time",
  });
});

test.each([
  ["Asia/Kolkata", "IST-5:30", { offset: 19_800, zone: "IST" }],
  ["posix/Asia/Kolkata", "IST-5:30", { offset: 19_800, zone: "IST" }],
  ["right/Asia/Kolkata", "IST-5:30", { offset: 19_800, zone: "IST" }],
  ["America/Phoenix", "MST7MDT,M3.2.0,M11.1.0", { offset: -25_200, zone: "MST" }],
  ["America/Phoenix", "MST7", { offset: -25_200, zone: "MST" }],
  ["Asia/Dubai", "<+04>-4", { offset: 14_400, zone: "+04" }],
  ["Etc/UTC", "UTC0", { offset: 0, zone: "UTC" }],
  // At a distance of another season the zone has its other name.
  ["Asia/Kolkata", "IST-4:30IDT,M3.5.0,M10.5.0/3", { offset: 19_800, zone: "IDT" }],
  ["Asia/Kolkata", "IST-5:30IDT,M3.5.0,M10.5.0/3", { offset: 19_800, zone: "IST" }],
  ["Asia/Kolkata", "", { offset: 19_800 }],
])("the file of the zone %s with the rule %j gives %j", async (name, rule, expected) => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("zoneinfo"));
  await directory.write(`zoneinfo/${name}`, `TZif2\0binary\nABC1\n${rule}\n`);
  await symlink(directory.at("zoneinfo", name), directory.at("localtime"));
  const { call } = createMachine({ zoneFile: directory.at("localtime") });
  expect(await call("guest-get-timezone")).toEqual(expected);
});

test("a machine without a file of its zone has UTC", async () => {
  expect(await createMachine().call("guest-get-timezone")).toEqual({ offset: 0, zone: "UTC" });
});

test("a file that no known zone has counts by the zone of this process", async () => {
  await using directory = await createTemporaryDirectory();
  const zoneFile = await directory.write("localtime", "TZif2\nXYZ1\n");
  const { call } = createMachine({ zoneFile });
  expect(await call("guest-get-timezone")).toEqual({
    offset: 0 - new Date().getTimezoneOffset() * 60,
    zone: "XYZ",
  });
});
