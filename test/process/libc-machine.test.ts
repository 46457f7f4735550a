/** Facts about this machine that the C library gives. */
import { expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { listAddresses } from "../../src/process/libc-machine.ts";

test("the addresses and prefixes of all interfaces that are up are those that the runtime knows", () => {
  const interfaces = networkInterfaces();
  const known = Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses.map(({ family, cidr }) => `${name} ${family.toLowerCase()} ${cidr}`),
  );
  const found = listAddresses().flatMap(({ name, address }) =>
    address === undefined || !(name in interfaces)
      ? []
      : [`${name} ${address.family} ${address.text}/${address.prefix}`],
  );
  expect(found.toSorted()).toEqual(known.toSorted());
  expect(found).toContain("lo ipv4 127.0.0.1/8");
});
