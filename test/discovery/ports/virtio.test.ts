/** Finding ports in a guest. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { findPort, findPorts } from "../../../src/discovery/ports/virtio.ts";
import { createGuest } from "./guest-sample.ts";

const PORT = "negotiator-host-to-guest.0";

test("findPorts lists named ports in the order of their numbers", async () => {
  await using guest = await createGuest({ vport0p10: "ten", vport0p2: "two", vport0p1: "" });
  expect(await findPorts(guest.places)).toEqual([
    { name: "two", device: guest.directory.at("dev/vport0p2") },
    { name: "ten", device: guest.directory.at("dev/vport0p10") },
  ]);
});

test("a port's device is udev's link if the link leads to that port, otherwise the node", async () => {
  await using guest = await createGuest({ vport0p1: PORT, vport0p2: "stale", vport0p3: "../vport0p1" });
  await mkdir(guest.directory.at("dev/virtio-ports"));
  await symlink("../vport0p1", guest.directory.at("dev/virtio-ports", PORT));
  await symlink("../vport0p1", guest.directory.at("dev/virtio-ports/stale"));
  const devices = (await findPorts(guest.places)).map(({ device }) => device);
  expect(devices).toEqual([
    guest.directory.at("dev/virtio-ports", PORT),
    guest.directory.at("dev/vport0p2"),
    guest.directory.at("dev/vport0p3"),
  ]);
});

test("findPort finds a port only by its exact name", async () => {
  await using guest = await createGuest({ vport0p1: "negotiator-host-to-guest.01", vport0p2: PORT });
  expect(await findPort(PORT, guest.places)).toEqual({
    name: PORT,
    device: guest.directory.at("dev/vport0p2"),
  });
  expect(await findPort("other", guest.places)).toBeUndefined();
});

test("a port whose name is missing and a file in the class do not hide a port", async () => {
  await using guest = await createGuest({ vport0p2: PORT });
  await mkdir(guest.directory.at("sys/vport0p1"));
  await guest.directory.write("sys/odd", "a file where a port should be");
  expect(await findPorts(guest.places)).toHaveLength(1);
});

test("only the last line end of a name is removed, and one that is a directory rejects", async () => {
  await using guest = await createGuest({ vport0p1: "two\n" });
  expect((await findPorts(guest.places)).map(({ name }) => name)).toEqual(["two\n"]);
  await mkdir(guest.directory.at("sys/vport0p2/name"), { recursive: true });
  const thrown = await findPorts(guest.places).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "EISDIR" });
});
