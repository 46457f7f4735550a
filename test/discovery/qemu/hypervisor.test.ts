/** QEMU processes that libvirt started, on a host that also looks for others. */
import { expect, test } from "bun:test";
import { HOST_RULES, judgeHypervisor } from "../../../src/discovery/qemu/hypervisor.ts";
import { addProcess, createHost, SELF } from "./made-up-host.ts";
import type { MadeUpProcess } from "./made-up-host.ts";

/** The judgement on process 11, which libvirt has started if `isDomain`. */
async function judge(options: MadeUpProcess, isDomain: boolean) {
  await using host = await createHost();
  await addProcess(host.directory, 11, [], options);
  return await judgeHypervisor(11, {
    ...HOST_RULES,
    procDirectory: host.directory.at("proc"),
    trustedUids: [SELF],
    domains: async () => new Set(isDomain ? [11] : []),
  });
}

const OTHER_USER = { uids: [4711, 4711, 4711, 4711] };

test("a domain's QEMU of another user is libvirt's, and not a problem", async () => {
  expect(await judge(OTHER_USER, true)).toBeUndefined();
  expect(await judge(OTHER_USER, false)).toHaveProperty("objection");
});

test("a domain's QEMU of our user may have a separate mount namespace, and no other", async () => {
  expect(await judge({ namespaces: { mnt: "2" } }, true)).toMatchObject({ uid: SELF, facts: { pid: 11 } });
  expect(await judge({ namespaces: { mnt: "2" } }, false)).toHaveProperty("objection");
  expect(await judge({ namespaces: { mnt: "2" }, rootMount: "/container" }, true)).toEqual({
    objection: "has another root directory, as in a container",
  });
  for (const kind of ["user", "pid"])
    expect(await judge({ namespaces: { [kind]: "2" } }, true)).toHaveProperty("objection");
});
