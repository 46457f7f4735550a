/** All guests of a host by name: which endpoints become guests, and the errors for other names. */
import { expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createHostGuests, NO_CHANGES } from "../../support/host-guests.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

function endpoint(guest: string, path: string, more: Partial<Endpoint> = {}): Endpoint {
  return { guest, port: "negotiator-host-to-guest.0", source: "libvirt", path, ...more };
}

test("a guest on another machine gets no link: a local socket of its path is not dialled", async () => {
  await using directory = await createTemporaryDirectory();
  await using guests = createHostGuests(directory);
  const appeared = [
    endpoint("here", directory.at("none")),
    endpoint("there", directory.at("other"), { machine: "kvm2" }),
  ];
  guests.update({ ...NO_CHANGES, appeared });
  expect(guests.status().map(({ name }) => name)).toEqual(["here"]);
  expect((await rejectionOf(guests.peer("there", 1000))).code).toBe("NO_GUEST");
});

test("a guest whose only channel is gone is no longer a guest", async () => {
  await using directory = await createTemporaryDirectory();
  await using guests = createHostGuests(directory);
  const [web1, web2] = ["web1", "web2"].map((name) => endpoint(name, directory.at(name)));
  if (web1 === undefined || web2 === undefined) throw new Error("no endpoints");
  guests.update({ ...NO_CHANGES, appeared: [web2, web1] });
  expect(guests.status().map(({ name }) => name)).toEqual(["web1", "web2"]);
  guests.update({ ...NO_CHANGES, gone: [web1] });
  expect(guests.status().map(({ name }) => name)).toEqual(["web2"]);
  expect((await rejectionOf(guests.peer("web1", 1000))).code).toBe("NO_GUEST");
});

test("a saved guest that was not known before does not become a guest", async () => {
  await using directory = await createTemporaryDirectory();
  await using guests = createHostGuests(directory);
  guests.update({ ...NO_CHANGES, appeared: [endpoint("web1", directory.at("x"), { state: "saved" })] });
  expect(guests.status()).toEqual([]);
});
