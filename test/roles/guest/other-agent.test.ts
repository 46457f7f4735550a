/** Whether another guest agent is installed: its program or its service, but not a link to this program. */
import { expect, test } from "bun:test";
import { chmod, symlink } from "node:fs/promises";
import { findOtherAgent } from "../../../src/roles/guest/other-agent.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test("a program or a service of it is found, and a link to this program is not", async () => {
  await using directory = await createTemporaryDirectory();
  const [program, unit] = [directory.at("qemu-ga"), directory.at("qemu-guest-agent.service")];
  expect(await findOtherAgent([program], [unit])).toBeUndefined();
  await symlink(process.execPath, program);
  expect(await findOtherAgent([program], [unit])).toBeUndefined();
  await directory.write("qemu-guest-agent.service", "");
  expect(await findOtherAgent([program], [unit])).toBe(unit);
  const other = await directory.write("sbin/qemu-ga", "");
  expect(await findOtherAgent([program, other], [unit])).toBe(other);
});

test("a mask, and services whose program is gone, are not an agent", async () => {
  await using directory = await createTemporaryDirectory();
  const program = directory.at("opt/bin/qemu-ga");
  const services = {
    mask: undefined,
    // As Debian's script, which stays when its package is removed.
    script: `NAME=qemu-ga\nDAEMON=${directory.at("opt/bin")}/$NAME\n[ -x "$DAEMON" ] || exit 0\n`,
    unit: `[Service]\nEnvironmentFile=-${directory.at("sysconfig/qemu-ga")}\nExecStart=-${program} -v\n`,
  };
  await directory.write("sysconfig/qemu-ga", "");
  await symlink("/dev/null", directory.at("mask"));
  for (const [name, text] of Object.entries(services)) {
    if (text !== undefined) await directory.write(name, text);
    expect(await findOtherAgent([], [directory.at(name)])).toBeUndefined();
  }
  await chmod(await directory.write("opt/bin/qemu-ga", ""), 0o755);
  for (const [name, text] of Object.entries(services))
    expect(await findOtherAgent([], [directory.at(name)])).toBe(
      text === undefined ? undefined : directory.at(name),
    );
});
