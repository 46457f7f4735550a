/** QEMU processes that are stopped. The process of the test has the name and the words of one. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { findStoppedQemus } from "../../../src/roles/host/doctor/check-qemu.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

test("a stopped QEMU is found by its name and its socket, until it goes on", async () => {
  await using place = await createTemporaryDirectory();
  const program = place.at("qemu-system-x86_64");
  await writeFile(program, "#!/bin/sh\nread line\n", { mode: 0o755 });
  const device = "virtserialport,chardev=c,name=negotiator-host-to-guest.0";
  const words = [
    "-name",
    "guest=web,,1,debug-threads=on",
    "-chardev",
    "socket,id=c,path=/x,server=on",
    "-device",
    device,
  ];
  await using child = Bun.spawn([program, ...words], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  const find = async (): Promise<unknown> => (await findStoppedQemus()).find(({ pid }) => pid === child.pid);
  child.kill("SIGSTOP");
  const found = await until("it is stopped", find);
  child.kill("SIGCONT");
  await until("it goes on", async () => (await find()) === undefined);
  expect(found).toEqual({ pid: child.pid, isTraced: false, guest: "web,1", paths: ["/x"] });
});
