/** Disks, their partitions and their counters are those of the kernel's files. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { createDiskCommands } from "../../../src/methods/agent/disks.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

test("each disk with a size is there, with its partitions and the disks below it", async () => {
  await using machine = await createTemporaryDirectory();
  await machine.write("devices/vda/size", "2048\n");
  await mkdir(machine.at("devices/vda/vda1"));
  await mkdir(machine.at("devices/vda/queue"));
  await machine.write("devices/loop0/size", "0\n");
  await mkdir(machine.at("devices/fd0"));
  await machine.write("devices/dm-0/size", "1024\n");
  await machine.write("devices/dm-0/dm/name", "root\n");
  await mkdir(machine.at("devices/dm-0/slaves/vda"), { recursive: true });
  await mkdir(machine.at("sys/block"), { recursive: true });
  for (const name of ["vda", "loop0", "fd0", "dm-0"])
    await symlink(machine.at("devices", name), machine.at("sys/block", name));
  const { call } = createAgentCalls(createDiskCommands({ sys: machine.at("sys"), proc: "" }));
  expect(new Set(Object(await call("guest-get-disks")))).toEqual(
    new Set([
      { name: "/dev/dm-0", partition: false, dependencies: ["/dev/vda"], alias: "root" },
      { name: "/dev/vda", partition: false, dependencies: [] },
      { name: "/dev/vda1", partition: true, dependencies: ["/dev/vda"] },
    ]),
  );
});

test("a machine without disks has none", async () => {
  const { call } = createAgentCalls(createDiskCommands({ sys: "/nowhere", proc: "" }));
  expect(await call("guest-get-disks")).toEqual([]);
});

test("an old kernel has fewer counters", async () => {
  await using machine = await createTemporaryDirectory();
  await machine.write(
    "proc/diskstats",
    " 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n   7  1 loop1 1 2 3\n",
  );
  const { call } = createAgentCalls(createDiskCommands({ sys: "", proc: machine.at("proc") }));
  expect(await call("guest-get-diskstats")).toEqual([
    {
      name: "vda",
      major: 254,
      minor: 0,
      stats: {
        "read-ios": 1n,
        "read-merges": 2n,
        "read-sectors": 3n,
        "read-ticks": 4n,
        "write-ios": 5n,
        "write-merges": 6n,
        "write-sectors": 7n,
        "write-ticks": 8n,
        "ios-pgr": 9n,
        "total-ticks": 10n,
        "weight-ticks": 11n,
        "discard-ios": 12n,
        "discard-merges": 13n,
        "discard-sectors": 14n,
        "discard-ticks": 15n,
        "flush-ios": 16n,
        "flush-ticks": 17n,
      },
    },
    { name: "loop1", major: 7, minor: 1, stats: { "read-ios": 1n, "read-merges": 2n, "read-sectors": 3n } },
  ]);
});
