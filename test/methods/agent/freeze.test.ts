/** A freeze calls its hook before and after, whatever becomes of it. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { createFreezeCommands } from "../../../src/methods/agent/freeze.ts";
import type { FreezeTools } from "../../../src/methods/agent/freeze.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

const PATHS = ["/", "/srv"];

type Scene = {
  hookMode?: number;
  /** The exit code of the hook, by its word. */
  hookEnds?: Partial<Record<string, number>>;
  freezer?: Partial<ReturnType<FreezeTools["createFreezer"]>>;
};

/** Returns a machine with two file systems and a hook, and what was done there. */
async function createMachine({ hookMode = 0o755, hookEnds = {}, freezer = {} }: Scene = {}) {
  const directory = await createTemporaryDirectory();
  const hook = await directory.write("hook", "#!/bin/sh\n");
  await chmod(hook, hookMode);
  const done: string[] = [];
  const begunBefore: number[] = [];
  let isFrozen = false;
  const options = { lockFile: directory.at("lock"), limitMs: 7, hook };
  const freezing = createFreezeCommands(options, {
    createFreezer: (given) => {
      expect(given).toEqual(options);
      return {
        isFrozen: () => isFrozen,
        async freeze(paths) {
          done.push(`freeze ${paths.join(" ")}`);
          isFrozen = true;
          return paths.length;
        },
        async thaw(list) {
          await Bun.sleep(5);
          done.push(`thaw ${(await list()).join(" ")}`);
          isFrozen = false;
          return 2;
        },
        ...freezer,
      };
    },
    listPaths: async () => [...PATHS],
    async runTool([program, word = ""], timeoutMs) {
      expect([program, timeoutMs]).toEqual([hook, 600_000]);
      begunBefore.push(calls.begun);
      await Bun.sleep(1);
      done.push(`hook ${word}`);
      return { exitCode: hookEnds[word] ?? 0, stderr: " it says why\n" };
    },
  });
  const calls = createAgentCalls(freezing.commands);
  return {
    directory,
    hook,
    done,
    begunBefore,
    freezing,
    calls,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("a freeze is between the two calls of the hook, and the status follows it", async () => {
  await using machine = await createMachine();
  const { calls, done, freezing } = machine;
  expect(await calls.call("guest-fsfreeze-status")).toBe("thawed");
  expect(await calls.call("guest-fsfreeze-freeze")).toBe(2);
  expect([await calls.call("guest-fsfreeze-status"), freezing.isFrozen()]).toEqual(["frozen", true]);
  expect(done).toEqual(["hook freeze", "freeze / /srv"]);
  expect(await calls.call("guest-fsfreeze-thaw")).toBe(2);
  expect([await calls.call("guest-fsfreeze-status"), freezing.isFrozen()]).toEqual(["thawed", false]);
  expect(done.slice(2)).toEqual(["thaw / /srv", "hook thaw"]);
  expect(calls.begun).toBe(1);
});

test.each([
  [["/srv", "/nowhere"], "freeze /srv", 1],
  [undefined, "freeze / /srv", 2],
])("a freeze of the list %j freezes those that exist", async (mountpoints, expected, count) => {
  await using machine = await createMachine();
  const args = mountpoints === undefined ? {} : { mountpoints };
  expect(await machine.calls.call("guest-fsfreeze-freeze-list", args)).toBe(count);
  expect(machine.done).toEqual(["hook freeze", expected]);
  expect(machine.calls.begun).toBe(1);
});

test("a freeze of nothing calls the hook for the thaw", async () => {
  await using machine = await createMachine();
  expect(await machine.calls.call("guest-fsfreeze-freeze-list", { mountpoints: [] })).toBe(0);
  expect(machine.done).toEqual(["hook freeze", "freeze ", "hook thaw"]);
});

test("the line about the start is written before the hook runs", async () => {
  for (const name of ["guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list"]) {
    await using machine = await createMachine();
    await machine.calls.call(name);
    expect(machine.begunBefore).toEqual([1]);
  }
});

test("a hook that fails keeps the file systems as they are", async () => {
  await using machine = await createMachine({ hookEnds: { freeze: 3 } });
  expect(await rejectionOf(machine.calls.call("guest-fsfreeze-freeze"))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "fsfreeze hook has failed with status 3: it says why",
  });
  expect(machine.done).toEqual(["hook freeze", "hook thaw"]);
});

test("a freeze that fails calls the hook for the thaw, which hides no error if it fails too", async () => {
  const problem = new Error("ext4 says no");
  await using machine = await createMachine({
    hookEnds: { thaw: 1 },
    freezer: { freeze: () => Promise.reject(problem) },
  });
  const thrown = await machine.calls.call("guest-fsfreeze-freeze").catch((error: unknown) => error);
  expect(thrown).toBe(problem);
  expect(machine.done).toEqual(["hook freeze", "hook thaw"]);
});

test("a hook that cannot be executed is left out", async () => {
  await using machine = await createMachine({ hookMode: 0o644 });
  expect(await machine.calls.call("guest-fsfreeze-freeze")).toBe(2);
  expect(machine.done).toEqual(["freeze / /srv"]);
});

test.each([
  ["", 2],
  ["/nowhere/hook", 2],
])("the hook %j is left out", async (hook, count) => {
  const ran: unknown[] = [];
  const { commands } = createFreezeCommands(
    { lockFile: "", limitMs: 1, hook },
    {
      createFreezer: () => ({ isFrozen: () => false, freeze: async () => count, thaw: async () => 0 }),
      listPaths: async () => [],
      async runTool(words) {
        ran.push(words);
        return { exitCode: 1, stderr: "" };
      },
    },
  );
  expect(await createAgentCalls(commands).call("guest-fsfreeze-freeze")).toBe(count);
  expect(ran).toEqual([]);
});

test("a hook that others could have written is an error, and does not run", async () => {
  await using machine = await createMachine({ hookMode: 0o757 });
  const { message } = await rejectionOf(machine.calls.call("guest-fsfreeze-freeze"));
  expect(message).toStartWith(`Cannot run the fsfreeze hook "${machine.hook}": `);
  expect(message).toContain("\nCorrect it with: chmod go-w ");
  expect(machine.done).toEqual([]);
});

test("the end of the agent thaws a frozen machine, and no other", async () => {
  await using machine = await createMachine();
  await machine.freezing.end();
  expect(machine.done).toEqual([]);
  await machine.calls.call("guest-fsfreeze-freeze");
  await machine.freezing.end();
  expect(machine.done.slice(2)).toEqual(["thaw / /srv", "hook thaw"]);
});
