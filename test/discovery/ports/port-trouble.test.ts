/** Explaining why a port is missing or does not open, and finding the processes that have it open. */
import { expect, test } from "bun:test";
import { mkdir, open, symlink } from "node:fs/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { findHolders } from "../../../src/discovery/ports/holders.ts";
import { explainMissing, explainRefusal } from "../../../src/discovery/ports/port-trouble.ts";
import { findPorts } from "../../../src/discovery/ports/virtio.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createGuest } from "./guest-sample.ts";

const PORT = "negotiator-host-to-guest.0";

test("without the driver's class, the error is that the driver is not loaded", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("proc/modules", "virtio_rng 16384 0 - Live 0x0\n");
  const places = { sysDirectory: directory.at("sys"), procDirectory: directory.at("proc") };
  expect(await findPorts(places)).toEqual([]);
  const error = await explainMissing(PORT, places);
  expect(error.code).toBe("NO_CHANNEL");
  expect(error.message).toStartWith(
    `Cannot find port "${PORT}": the driver virtio_console is not loaded\n` +
      "Load it with: modprobe virtio_console",
  );
});

test("with the driver but without its class, the remedy is to mount sysfs", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("proc/modules", "virtio_rng 1 0 -\nvirtio_console 40960 0 - Live 0x0\n");
  const error = await explainMissing(PORT, {
    sysDirectory: directory.at("sys"),
    procDirectory: directory.at("proc"),
  });
  expect(error.message).toContain("mount -t sysfs sysfs /sys");
});

test("the error for a missing port lists the ports that the guest has", async () => {
  await using bare = await createGuest({});
  expect((await explainMissing(PORT, bare.places)).message).toEndWith(
    "this guest no port\n" +
      "Add the port on the host, with the name of this guest: negotiator host add-channel GUEST",
  );
  await using other = await createGuest({ vport0p1: "org.qemu.guest_agent.0", vport0p2: "a\u001b[2J" });
  expect((await explainMissing(PORT, other.places)).message).toContain(
    'only "org.qemu.guest_agent.0", "a\\x1b[2J"\n',
  );
});

const failure = (code: string): Error => Object.assign(new Error(`${code}: failed`), { code });

test.each([
  ["EACCES", "DENIED", "Run as root"],
  ["EPERM", "DENIED", "Run as root"],
  ["ENOENT", "NO_CHANNEL", "mknod -m 600"],
  ["ENODEV", "NO_CHANNEL", "negotiator host add-channel GUEST"],
  ["ENXIO", "NO_CHANNEL", "negotiator host add-channel GUEST"],
  ["EIO", "NO_CHANNEL", "ls -l"],
  ["EBUSY", "BUSY", "fuser -v"],
] as const)("a port that fails to open with %s gives %s with the remedy %s", async (errno, code, remedy) => {
  await using guest = await createGuest({ vport0p1: PORT });
  const device = guest.directory.at("dev/vport0p1");
  const cause = failure(errno);
  const error = await explainRefusal({ name: PORT, device }, cause, guest.places);
  expect(error).toBeInstanceOf(NegotiatorError);
  expect(error.code).toBe(code);
  expect(error.cause).toBe(cause);
  expect(error.message.split("\n")[1]).toContain(remedy);
});

test("the remedy for a missing device node has the kernel's device numbers", async () => {
  await using guest = await createGuest({ vport0p1: PORT });
  const device = guest.directory.at("dev/vport0p1");
  const error = await explainRefusal({ name: PORT, device }, failure("ENOENT"), guest.places);
  expect(error.message).toEndWith(`mknod -m 600 ${device} c 247 3`);
});

test("findHolders finds this process while it has the file open", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("port", "");
  expect(await findHolders(path)).toEqual([]);
  await using _ = await open(path);
  const holders = await findHolders(path);
  expect(holders.map(({ pid }) => pid)).toEqual([process.pid]);
  const error = await explainRefusal({ name: PORT, device: path }, failure("EBUSY"));
  expect(error.message).toContain("this process");
  expect(error.message).toContain("Open each port only once");
});

test("findHolders shows the bytes of a process name that the kernel cut inside a character", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("proc/77/fd"), { recursive: true });
  await Bun.write(directory.at("proc/77/comm"), Buffer.from("gr\xc3\xbcn\xc3\n", "latin1"));
  await symlink("/dev/null", directory.at("proc/77/fd/5"));
  const holders = await findHolders("/dev/null", directory.at("proc"));
  expect(holders).toEqual([{ pid: 77, command: "grün\\xc3" }]);
});

test("findHolders finds a process that opened the same device by another name", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("proc/77/fd"), { recursive: true });
  await mkdir(directory.at("proc/78/fd"), { recursive: true });
  await directory.write("proc/77/comm", "python\n");
  await directory.write("proc/77/cgroup", "0::/system.slice/negotiator-guest.service\n");
  await directory.write("proc/self/comm", "not a process id\n");
  await symlink("/dev/null", directory.at("proc/77/fd/5"));
  await symlink("/dev/zero", directory.at("proc/78/fd/5"));
  await symlink("/dev/null", directory.at("null"));
  const device = directory.at("null");
  expect(await findHolders(device, directory.at("proc"))).toEqual([
    { pid: 77, command: "python", unit: "negotiator-guest.service" },
  ]);
  const error = await explainRefusal({ name: PORT, device }, failure("EBUSY"), {
    procDirectory: directory.at("proc"),
  });
  expect(error.message).toBe(
    `Cannot open port "${PORT}": process 77 (python) of negotiator-guest.service has "${device}" open\n` +
      "Stop it with: systemctl stop negotiator-guest.service",
  );
});

test("a holder without a service is stopped by its process id, and all holders are named", async () => {
  await using directory = await createTemporaryDirectory();
  for (const pid of [77, 78]) {
    await mkdir(directory.at(`proc/${pid}/fd`), { recursive: true });
    await symlink("/dev/null", directory.at(`proc/${pid}/fd/5`));
  }
  await directory.write("proc/77/comm", "python\n");
  await directory.write("proc/77/cgroup", "0::/user.slice/session.scope\n");
  const places = { procDirectory: directory.at("proc") };
  const error = await explainRefusal({ name: PORT, device: "/dev/null" }, failure("EBUSY"), places);
  expect(error.message).toBe(
    `Cannot open port "${PORT}": process 77 (python), process 78 (?) has "/dev/null" open\n` +
      "Stop it with: kill 77",
  );
});

test("a process is a holder only of the file that it has open, not of the file beside it", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("files/port", "");
  await directory.write("files/other", "");
  await mkdir(directory.at("proc/77/fd"), { recursive: true });
  await symlink(directory.at("files/other"), directory.at("proc/77/fd/5"));
  expect(await findHolders(file, directory.at("proc"))).toEqual([]);
  await symlink(file, directory.at("proc/77/fd/6"));
  expect(await findHolders(file, directory.at("proc"))).toEqual([{ pid: 77, command: "?" }]);
});

test("a missing device node without a number in the kernel is left to udev", async () => {
  await using guest = await createGuest({ vport0p1: PORT });
  const device = guest.directory.at("dev/vport0p9");
  const error = await explainRefusal({ name: PORT, device }, failure("ENOENT"), guest.places);
  expect(error.message).toEndWith("\nLet udev make it: udevadm trigger --settle");
});

const IS_ROOT = process.geteuid?.() === 0;

test.if(IS_ROOT)("a node with the same device number in the same directory is the same port", async () => {
  await using directory = await createTemporaryDirectory();
  const make = async (name: string, minor: number): Promise<string> => {
    const made = Bun.spawn(["mknod", directory.at(name), "c", "1", String(minor)], { stderr: "ignore" });
    expect(await made.exited).toBe(0);
    return directory.at(name);
  };
  const port = await make("port", 3);
  const nodes = [await make("same", 3), await make("other", 5), "/dev/null"];
  for (const [index, node] of nodes.entries()) {
    await mkdir(directory.at(`proc/${70 + index}/fd`), { recursive: true });
    await symlink(node, directory.at(`proc/${70 + index}/fd/5`));
  }
  // A file before it does not end the search in its process.
  await symlink("/dev/zero", directory.at("proc/70/fd/4"));
  expect((await findHolders(port, directory.at("proc"))).map(({ pid }) => pid)).toEqual([70]);
});
