/** Blocks of memory are listed and switched on and off as the kernel's files say. */
import { expect, test } from "bun:test";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { createMemoryBlockCommands } from "../../../src/methods/agent/memory-blocks.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

const MEMORY = "sys/devices/system/memory";

function callsFor(sys: string) {
  return createAgentCalls(createMemoryBlockCommands({ sys, proc: "" }));
}

test("each block has its state, and one of which nothing is known can be switched off", async () => {
  await using machine = await createTemporaryDirectory();
  await machine.write(`${MEMORY}/memory0/state`, "online\n");
  await machine.write(`${MEMORY}/memory0/removable`, "0\n");
  await machine.write(`${MEMORY}/memory32/state`, "offline\n");
  await machine.write(`${MEMORY}/memory32/removable`, "1\n");
  await mkdir(machine.at(MEMORY, "memory7"));
  await mkdir(machine.at(MEMORY, "power"));
  expect(new Set(Object(await callsFor(machine.at("sys")).call("guest-get-memory-blocks")))).toEqual(
    new Set([
      { "phys-index": 0, online: true, "can-offline": false },
      { "phys-index": 32, online: false, "can-offline": true },
      { "phys-index": 7, online: false, "can-offline": true },
    ]),
  );
});

test("each block is switched by itself, and one that is as wanted is not written", async () => {
  await using machine = await createTemporaryDirectory();
  for (const [index, state] of ["online\n", "offline\n", "online\n"].entries())
    await machine.write(`${MEMORY}/memory${index}/state`, state);
  await mkdir(machine.at(MEMORY, "memory4"));
  // Nothing can be written there.
  await symlink("/proc/version", machine.at(MEMORY, "memory4/state"));
  await mkdir(machine.at(MEMORY, "memory5/state"), { recursive: true });
  const wanted = [
    [0, true],
    [1, true],
    [2, false],
    [3, true],
    [4, true],
    [5, true],
  ] as const;
  const blocks = wanted.map(([index, online]) => ({ "phys-index": BigInt(index), online }));
  expect(await callsFor(machine.at("sys")).call("guest-set-memory-blocks", { "mem-blks": blocks })).toEqual([
    { "phys-index": 0n, response: "success" },
    { "phys-index": 1n, response: "success" },
    { "phys-index": 2n, response: "success" },
    { "phys-index": 3n, response: "not-found", "error-code": 2 },
    { "phys-index": 4n, response: "operation-failed", "error-code": 5 },
    { "phys-index": 5n, response: "operation-failed", "error-code": 21 },
  ]);
  const states = [0, 1, 2].map((index) => readFile(machine.at(MEMORY, `memory${index}/state`), "utf8"));
  expect(await Promise.all(states)).toEqual(["online\n", "online", "offline"]);
});

test("the size of a block is a number in base 16", async () => {
  await using machine = await createTemporaryDirectory();
  await machine.write(`${MEMORY}/block_size_bytes`, "8000000\n");
  expect(await callsFor(machine.at("sys")).call("guest-get-memory-block-info")).toEqual({ size: 0x8000000n });
});

test("a kernel without such blocks supports none of the commands", async () => {
  for (const [name, args] of [
    ["guest-get-memory-blocks", {}],
    ["guest-set-memory-blocks", { "mem-blks": [] }],
    ["guest-get-memory-block-info", {}],
  ] as const)
    expect(await rejectionOf(callsFor("/nowhere").call(name, args))).toMatchObject({
      code: "UNSUPPORTED",
      message: "this feature or command is not currently supported",
    });
});

test("a directory that cannot be read is an error with the system's words", async () => {
  await using machine = await createTemporaryDirectory();
  const file = await machine.write(MEMORY, "no directory");
  expect(await rejectionOf(callsFor(machine.at("sys")).call("guest-get-memory-blocks"))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: `Can't open directory: "${file}/": Not a directory`,
  });
});
