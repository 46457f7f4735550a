/** Cgroups of commands: the plan, the refusals, and a helper that goes there. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { askProgram, helperCommand } from "../../src/process/ask-program.ts";
import { planCgroup, removeCgroup } from "../../src/process/command-cgroup.ts";
import type { CgroupPlaces } from "../../src/process/command-cgroup.ts";
import type { StartOrder } from "../../src/process/start-in-place.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const UNIT = "/system.slice/negotiator-host.service";

type Machine = {
  path?: string;
  controllers?: string;
  mount?: string;
  delegated?: string;
  hasSystemd?: boolean;
};

/** Writes the files of a machine whose cgroups are in the temporary directory. */
async function createMachine(directory: TemporaryDirectory, machine: Machine = {}): Promise<CgroupPlaces> {
  const { path = UNIT, controllers = "cpu memory pids", delegated = UNIT, hasSystemd = true } = machine;
  const { mount = `30 20 0:26 / ${directory.at("fs")} rw - cgroup2 cgroup2 rw` } = machine;
  await directory.write("self/cgroup", `1:name=systemd:/old\n0::${path}\n`);
  await directory.write("self/mountinfo", `20 1 8:1 / / rw - ext4 /dev/sda rw\n${mount}\n`);
  for (const place of new Set([path, UNIT])) {
    await directory.write(`fs${place}/cgroup.controllers`, `${controllers}\n`);
    await directory.write(`fs${place}/cgroup.subtree_control`, "\n");
    await directory.write(`fs${place}/cgroup.procs`, "1\n");
  }
  if (hasSystemd) await mkdir(directory.at("systemd"), { recursive: true });
  return {
    self: directory.at("self"),
    systemd: directory.at("systemd"),
    attribute: (place, name) =>
      place === directory.at(`fs${delegated}`) && name === "trusted.delegate" ? "1" : undefined,
  };
}

test("a plan has a new directory below the service's cgroup, and a file for each bound", async () => {
  await using directory = await createTemporaryDirectory();
  const places = await createMachine(directory);
  const both = await planCgroup({ memoryMaxBytes: 2_000_000, tasksMax: 5 }, places);
  expect(dirname(both.directory)).toBe(directory.at(`fs${UNIT}`));
  expect(basename(both.directory)).toStartWith("command-");
  expect(both.files).toEqual({ "memory.max": "2000000", "pids.max": "5" });
  expect(await readFile(directory.at(`fs${UNIT}/cgroup.subtree_control`), "utf8")).toBe("+memory +pids");
  const one = await planCgroup({ tasksMax: 1 }, places);
  expect(one.files).toEqual({ "pids.max": "1" });
  expect(one.directory).not.toBe(both.directory);
});

test.each<[string, Machine]>([
  ["its own cgroup daemon", { path: `${UNIT}/daemon` }],
  ["a subgroup that systemd made", { path: `${UNIT}/sub` }],
  ["a machine without systemd", { hasSystemd: false, delegated: "/none" }],
  [
    "its own cgroup daemon, without systemd",
    { path: `${UNIT}/daemon`, hasSystemd: false, delegated: "/none" },
  ],
])("in %s the cgroup of the service is divided", async (_, machine) => {
  await using directory = await createTemporaryDirectory();
  const { directory: place } = await planCgroup({ tasksMax: 1 }, await createMachine(directory, machine));
  expect(dirname(place)).toBe(directory.at(`fs${UNIT}`));
});

test("in a container whose cgroups are mounted from below the root, its own cgroup is found", async () => {
  await using directory = await createTemporaryDirectory();
  const mount = `30 20 0:26 /system.slice ${directory.at("fs/system.slice")} rw - cgroup2 cgroup2 rw`;
  const { directory: place } = await planCgroup({ tasksMax: 1 }, await createMachine(directory, { mount }));
  expect(dirname(place)).toBe(directory.at(`fs${UNIT}`));
});

test.each<[string, Machine, string, string]>([
  ["no cgroups of version 2", { mount: "" }, "this system has no cgroups of version 2", "Boot with: "],
  [
    "no delegation",
    { delegated: "/none" },
    "systemd does not let this service divide its cgroup",
    "Add Delegate=yes under [Service], and restart it: systemctl edit negotiator-host.service",
  ],
  ["no controller", { controllers: "cpu pids" }, 'has no controller "memory"', "See which it has: cat "],
  ["a cgroup outside of its own", { path: "/../other" }, "no cgroups of version 2", "Boot with: "],
])("%s: the bounds are refused, and the message says why", async (_, machine, problem, remedy) => {
  await using directory = await createTemporaryDirectory();
  const places = await createMachine(directory, machine);
  const error = await rejectionOf(planCgroup({ memoryMaxBytes: 2_000_000 }, places));
  expect(error.code).toBe("BAD_CONFIG");
  const [first = "", second = ""] = error.message.split("\n");
  expect(first).toStartWith("Cannot set its memoryMaxBytes or tasksMax: ");
  expect(first).toContain(problem);
  expect(second).toStartWith(remedy);
});

const UNIFIED = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((place) => {
  try {
    return process.getuid?.() === 0 && readdirSync(place).includes("cgroup.procs");
  } catch {
    return false;
  }
});

test.if(UNIFIED !== undefined)(
  "a helper starts the command in the new cgroup, which goes with it",
  async () => {
    const parent = `${UNIFIED}/negotiator-test-${crypto.randomUUID()}`;
    mkdirSync(parent);
    using cleanup = new DisposableStack();
    cleanup.defer(() => rmdirSync(parent));
    const plan = { directory: `${parent}/command-1`, files: { "cgroup.max.depth": "7" } };
    const user = { uid: 64_321, gid: 64_321, groups: [] };
    const order: StartOrder = { user, cwd: "/", env: ["PATH=/usr/bin:/bin"], cgroup: plan };
    const script = `cat /proc/self/cgroup ${plan.directory}/cgroup.max.depth; id -u; ls /proc/self/fd`;
    const words = [JSON.stringify(order), "/bin/sh", "-c", script];
    const [, ...helper] = helperCommand("start", words);
    // The daemon gives it a pipe for its report there.
    const shell = ["/bin/sh", "-c", 'exec "$@" 3>/dev/null', "sh", process.execPath, ...helper] as const;
    const { outcome } = await askProgram(shell, { timeoutMs: 30_000, outputBytes: 10_000 });
    expect(outcome).toMatchObject({ exitCode: 0 });
    const text = outcome === "late" ? "" : outcome.stdout;
    expect(text).toContain(`0::/${basename(parent)}/command-1\n7\n64321\n`);
    removeCgroup(plan);
    await until("the cgroup is removed", () => !readdirSync(parent).includes("command-1"));
  },
);

test.if(UNIFIED !== undefined)("a cgroup is removed once its last process has ended", async () => {
  const directory = `${UNIFIED}/negotiator-test-${crypto.randomUUID()}`;
  mkdirSync(directory);
  await using child = Bun.spawn(["sleep", "600"]);
  await Bun.write(`${directory}/cgroup.procs`, String(child.pid));
  removeCgroup({ directory, files: {} }, 10);
  child.kill("SIGKILL");
  await child.exited;
  await until("the cgroup is removed", () => !readdirSync(dirname(directory)).includes(basename(directory)));
});
