/** Texts for an administrator who adds the channel by hand, and words of `add-channel` that are wrong. */
import { expect, test } from "bun:test";
import { launch } from "../../../support/program.ts";
import type { Ended } from "../../../support/program.ts";

async function run(...words: string[]): Promise<Pick<Ended, "exitCode" | "stdout" | "stderr">> {
  await using launched = launch(["host", "add-channel", ...words], {
    env: { NEGOTIATOR_CONFIG: "/dev/null" },
  });
  const { exitCode, stdout, stderr } = await launched.ended();
  return { exitCode, stdout, stderr };
}

test("--print-xml prints a channel for each port", async () => {
  const { stdout } = await run("--print-xml", "--port", "negotiator-guest-to-host.0");
  expect(stdout).toBe(
    '<channel type="unix"><target type="virtio" name="negotiator-guest-to-host.0"/></channel>\n',
  );
});

test("--print-qemu-args prints the options of QEMU, with commas written twice", async () => {
  expect((await run("--print-qemu-args", "web,1")).stdout).toBe(
    [
      "-name web,,1",
      "-device virtio-serial",
      "-chardev socket,id=negotiator,path=/run/vm/web,,1.sock,server=on,wait=off",
      "-device virtserialport,chardev=negotiator,name=negotiator-host-to-guest.0",
      "",
    ].join("\n"),
  );
});

test.each<[string[], string]>([
  [[], "missing GUEST"],
  [["--all", "web1"], "GUEST, --pattern and --all exclude each other"],
  [["--print-qemu-args"], "--print-qemu-args needs one GUEST"],
  [
    ["--print-qemu-args", "../web1"],
    `Cannot use the guest's name "../web1": it cannot be the name of a file`,
  ],
  [
    ["--print-qemu-args", "a".repeat(200)],
    `Cannot use the guest's name "${"a".repeat(200)}": its socket's path`,
  ],
  [["web1", "--port", "org.qemu.guest_agent.0"], 'unknown port "org.qemu.guest_agent.0"'],
  [["web1", "--wait", "soon"], '--wait must be a number of seconds; this is "soon"'],
])("add-channel %j is wrong usage", async (words, message) => {
  const { exitCode, stdout, stderr } = await run(...words);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toStartWith(`negotiator: ${message}`);
  expect(stderr.trimEnd().split("\n").length).toBeGreaterThan(1);
});

test("a host that does not use libvirt says so, and prints options for QEMU instead", async () => {
  await using launched = launch(["host", "add-channel", "web1"], { env: { NEGOTIATOR_HOST_LIBVIRT: "no" } });
  const { exitCode, stderr } = await launched.ended();
  expect(exitCode).toBe(1);
  expect(stderr).toBe(
    'negotiator: Cannot add channels: this host has host.libvirt = "no"\n' +
      "Print options for QEMU: negotiator host add-channel --print-qemu-args GUEST\n" +
      "Or name the libvirt: --connect qemu:///system\n",
  );
});
