/** A machine is shut down and suspended by the programs that it has, or else by the kernel. */
import { expect, test } from "bun:test";
import { createPowerCommands } from "../../../src/methods/agent/power.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

type Ending = { exitCode: number | null; stderr: string };

/** Returns calls on a machine with these programs, and what they ran. A program ends with 0 by default. */
function createMachine(programs: Readonly<Record<string, Partial<Ending>>>, stateFile = "/nowhere/state") {
  const ran: string[][] = [];
  const begunBefore: number[] = [];
  const calls = createAgentCalls(
    createPowerCommands({
      findProgram: async (name) => (Object.hasOwn(programs, name) ? `/sbin/${name}` : undefined),
      async runTool(words) {
        ran.push([...words]);
        begunBefore.push(calls.begun);
        return { exitCode: 0, stderr: "", ...programs[(words[0] ?? "").replace("/sbin/", "")] };
      },
      stateFile,
    }),
  );
  return { calls, ran, begunBefore };
}

test.each([
  [undefined, "-P"],
  ["powerdown", "-P"],
  ["halt", "-H"],
  ["reboot", "-r"],
])("a shutdown of the mode %p says that it begins before it does, and has no answer", async (mode, way) => {
  const { calls, ran, begunBefore } = createMachine({ shutdown: {} });
  expect(await calls.call("guest-shutdown", mode === undefined ? {} : { mode })).toBeUndefined();
  expect(ran).toEqual([["/sbin/shutdown", "-h", way, "+0", "hypervisor initiated shutdown"]]);
  expect(begunBefore).toEqual([1]);
});

test.each([
  [undefined, "poweroff"],
  ["halt", "halt"],
  ["reboot", "reboot"],
])("without the program shutdown, the mode %p runs %s", async (mode, program) => {
  const { calls, ran } = createMachine({});
  await calls.call("guest-shutdown", mode === undefined ? {} : { mode });
  expect(ran).toEqual([[program]]);
});

test.each([["sleep"], ["constructor"], [""]])("a shutdown of the mode %j runs nothing", async (mode) => {
  const { calls, ran } = createMachine({ shutdown: {} });
  expect(await rejectionOf(calls.call("guest-shutdown", { mode }))).toMatchObject({
    code: "BAD_REQUEST",
    message: "mode is invalid (valid values are: halt|powerdown|reboot",
  });
  expect({ ran, begun: calls.begun }).toEqual({ ran: [], begun: 0 });
});

test.each<[Partial<Ending>, string]>([
  [{ exitCode: 1, stderr: " no rights\n" }, "Failed to shut down: no rights"],
  [{ exitCode: 2, stderr: "\n" }, "Failed to shut down: exit code 2"],
])("a shutdown that ends with %j is an error", async (ending, message) => {
  const { calls } = createMachine({ shutdown: ending });
  expect(await rejectionOf(calls.call("guest-shutdown"))).toMatchObject({ code: "NOT_EXECUTABLE", message });
});

test("a shutdown that a signal has ended has worked", async () => {
  const { calls } = createMachine({ shutdown: { exitCode: null } });
  expect(await calls.call("guest-shutdown")).toBeUndefined();
});

test.each([
  ["disk", "systemctl hibernate"],
  ["ram", "systemctl suspend"],
  ["hybrid", "systemctl hybrid-sleep"],
])("a suspension to %s runs the first program that the machine has", async (kind, expected) => {
  const { calls, ran } = createMachine({ systemctl: {} });
  expect(await calls.call(`guest-suspend-${kind}`)).toBeUndefined();
  expect(ran).toEqual([expected.split(" ")]);
});

test.each([
  ["disk", "pm-hibernate"],
  ["ram", "pm-suspend"],
  ["hybrid", "pm-suspend-hybrid"],
])("a suspension to %s whose first program fails runs the next", async (kind, next) => {
  const { calls, ran } = createMachine({ systemctl: { exitCode: 1 }, [next]: {} });
  await calls.call(`guest-suspend-${kind}`);
  expect(ran.map(([program]) => program)).toEqual(["systemctl", next]);
});

test.each([
  ["disk", "disk"],
  ["ram", "mem"],
])("without a program that works, a suspension to %s is the kernel's", async (kind, word) => {
  await using directory = await createTemporaryDirectory();
  for (const programs of [{}, { systemctl: { exitCode: 1 } }]) {
    const stateFile = await directory.write("state", "");
    const { calls } = createMachine(programs, stateFile);
    await calls.call(`guest-suspend-${kind}`);
    expect(await Bun.file(stateFile).text()).toBe(word);
  }
});

test.each<[string, Readonly<Record<string, Partial<Ending>>>, string, string]>([
  ["disk", {}, "NOT_EXECUTABLE", "failed to suspend: No such file or directory"],
  [
    "disk",
    { systemctl: { exitCode: 1, stderr: "no swap\n" } },
    "NOT_EXECUTABLE",
    "failed to suspend: no swap",
  ],
  [
    "ram",
    { systemctl: { exitCode: 4 } },
    "NOT_EXECUTABLE",
    "failed to suspend: systemctl suspend ended with 4",
  ],
  ["hybrid", {}, "UNSUPPORTED", "this feature or command is not currently supported"],
  ["hybrid", { systemctl: { exitCode: 1, stderr: "no swap" } }, "NOT_EXECUTABLE", "no swap"],
])(
  "a suspension to %s that nothing can do is an error; programs: %j",
  async (kind, programs, code, message) => {
    const { calls } = createMachine(programs);
    expect(await rejectionOf(calls.call(`guest-suspend-${kind}`))).toMatchObject({ code, message });
  },
);
