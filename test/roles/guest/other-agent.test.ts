/** Whether another guest agent is installed: its program or its service, but not a link to this program. */
import { expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
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
