/** Processors are listed, switched on and off, and counted as the kernel's files say. */
import { expect, test } from "bun:test";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { createProcessorCommands } from "../../../src/methods/agent/processors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

const CPU = "sys/devices/system/cpu";

/** Returns a machine with four processors: one without a switch, one on, one off, one whose switch fails. */
async function createMachine() {
  const directory = await createTemporaryDirectory();
  await mkdir(directory.at(CPU, "cpu0"), { recursive: true });
  await directory.write(`${CPU}/cpu1/online`, "1\n");
  await directory.write(`${CPU}/cpu2/online`, "0\n");
  await mkdir(directory.at(CPU, "cpu3"));
  // Nothing can be written there.
  await symlink("/proc/version", directory.at(CPU, "cpu3/online"));
  await mkdir(directory.at(CPU, "cpufreq"));
  const { call } = createAgentCalls(
    createProcessorCommands({ sys: directory.at("sys"), proc: directory.at("proc") }),
  );
  const online = (id: number): Promise<string> => readFile(directory.at(CPU, `cpu${id}/online`), "utf8");
  const set = (...wanted: [number, boolean][]): Promise<unknown> =>
    call("guest-set-vcpus", {
      vcpus: wanted.map(([id, isOnline]) => ({ "logical-id": BigInt(id), online: isOnline })),
    });
  return { directory, call, online, set, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test("a processor without a switch is online and stays so", async () => {
  await using machine = await createTemporaryDirectory();
  await mkdir(machine.at(CPU, "cpu0"), { recursive: true });
  await mkdir(machine.at(CPU, "cpuidle"), { recursive: true });
  await machine.write(`${CPU}/cpu1/online`, "1\n");
  await machine.write(`${CPU}/cpu12/online`, "0\n");
  const { call } = createAgentCalls(createProcessorCommands({ sys: machine.at("sys"), proc: "" }));
  expect(new Set(Object(await call("guest-get-vcpus")))).toEqual(
    new Set([
      { "logical-id": 0, online: true, "can-offline": false },
      { "logical-id": 1, online: true, "can-offline": true },
      { "logical-id": 12, online: false, "can-offline": true },
    ]),
  );
});

test("processors are switched in order, and one that is as wanted is not written", async () => {
  await using machine = await createMachine();
  expect(await machine.set([1, true], [2, true], [0, true])).toBe(3);
  expect([await machine.online(1), await machine.online(2)]).toEqual(["1\n", "1"]);
  expect(await machine.set([1, false], [2, true])).toBe(2);
  expect([await machine.online(1), await machine.online(2)]).toEqual(["0", "1"]);
});

test("the first failure is an error, and a later one ends the count", async () => {
  await using machine = await createMachine();
  expect(await rejectionOf(machine.set([0, false], [1, false]))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "logical processor #0 can't be offlined",
  });
  expect(await machine.online(1)).toBe("1\n");
  expect(await rejectionOf(machine.set([9, true]))).toMatchObject({
    message: `open("${machine.directory.at(CPU, "cpu9")}/"): No such file or directory`,
  });
  expect(await rejectionOf(machine.set([3, true]))).toMatchObject({
    message: `write("${machine.directory.at(CPU, "cpu3/online")}"): Input/output error`,
  });
  expect(await machine.set([1, false], [3, true], [2, true])).toBe(1);
  expect([await machine.online(1), await machine.online(2)]).toEqual(["0", "0\n"]);
});

test("the times of each processor are in milliseconds, and an old kernel has fewer of them", async () => {
  await using machine = await createTemporaryDirectory();
  const text = "cpu  9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10 11\ncpu11 7 0 0 1\nintr 5 cpu3 1\n";
  await machine.write("proc/stat", text);
  const { call } = createAgentCalls(createProcessorCommands({ sys: "", proc: machine.at("proc") }));
  expect(await call("guest-get-cpustats")).toEqual([
    {
      type: "linux",
      cpu: 0,
      user: 10n,
      nice: 20n,
      system: 30n,
      idle: 40n,
      iowait: 50n,
      irq: 60n,
      softirq: 70n,
      steal: 80n,
      guest: 90n,
      guestnice: 100n,
    },
    { type: "linux", cpu: 11, user: 70n, nice: 0n, system: 0n, idle: 10n },
  ]);
});
