/** The channels of one guest as data: which to hold, which to call over, and those of a saved guest. */
import { expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import { createGuestEndpoints } from "../../../src/roles/host/guest-endpoints.ts";
import type { GuestEndpoints } from "../../../src/roles/host/guest-endpoints.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";

const at = (port: string, path = port): Endpoint => ({ guest: "web1", source: "libvirt", port, path });
const TO_GUEST = at("negotiator-host-to-guest.0");
const TO_HOST = at("negotiator-guest-to-host.0");
const SHARED = at("negotiator-channel.0");

function createWith(...endpoints: Endpoint[]): GuestEndpoints {
  const guest = createGuestEndpoints(createDialectTable([LEGACY, MADE_UP]));
  for (const endpoint of endpoints) guest.add(endpoint);
  return guest;
}

test("a new guest is empty, not saved, and has no channel to call over or to hold", () => {
  const { isEmpty, saved, calling, foreignCalling, held } = createWith();
  expect({ isEmpty, saved, calling, foreignCalling, held }).toEqual({
    isEmpty: true,
    saved: undefined,
    calling: undefined,
    foreignCalling: [],
    held: [],
  });
});

test.each([
  ["the host-to-guest port if the guest has it", [SHARED, TO_HOST, TO_GUEST], TO_GUEST, [TO_GUEST, TO_HOST]],
  ["the shared port otherwise", [TO_HOST, SHARED], SHARED, [SHARED, TO_HOST]],
  ["no port of those that the guest dials", [TO_HOST], undefined, [TO_HOST]],
])("the host calls over %s, and holds the ports that the guest dials", (_, endpoints, calling, held) => {
  const guest = createWith(...endpoints);
  expect(guest.calling).toEqual(calling);
  expect(guest.held).toEqual(held);
});

test("a channel on a port of no dialect is ignored", () => {
  const guest = createGuestEndpoints(createDialectTable([LEGACY]));
  expect(guest.add(at("other"))).toBe(false);
  expect(guest.isEmpty).toBe(true);
});

test("an unshared foreign port is called in its dialect and not held, its dialled sibling is held", () => {
  const [toGuest, toHost] = [at("made-up.to-guest"), at("made-up.to-host")];
  const guest = createWith(toGuest, toHost);
  expect(guest.calling).toBeUndefined();
  expect(guest.foreignCalling).toEqual([{ dialect: MADE_UP, endpoint: toGuest }]);
  expect(guest.held).toEqual([toHost]);
});

test("a channel that is added again replaces the known one", () => {
  const guest = createWith(TO_GUEST);
  const moved = at(TO_GUEST.port, "elsewhere");
  expect(guest.add(moved)).toBe(false);
  expect(guest.held).toEqual([moved]);
});

test("saving all channels is news once, keeps the first time and the last channel, and holds none", () => {
  const guest = createWith(TO_GUEST, TO_HOST);
  expect(guest.save(TO_HOST)).toBe(true);
  expect(guest.saved).toBeUndefined();
  expect(guest.save(TO_GUEST)).toBe(false);
  const { saved } = guest;
  expect(saved?.endpoint).toEqual(TO_GUEST);
  expect({ isEmpty: guest.isEmpty, held: guest.held, calling: guest.calling }).toEqual({
    isEmpty: true,
    held: [],
    calling: TO_GUEST,
  });
  guest.save(TO_GUEST);
  expect(guest.saved?.since).toEqual(saved?.since);
});

test("adding a channel to a saved guest returns true once and ends the saved state", () => {
  const guest = createWith(TO_GUEST);
  guest.save(TO_GUEST);
  expect(guest.add(TO_GUEST)).toBe(true);
  expect(guest.saved).toBeUndefined();
  expect(guest.add(TO_HOST)).toBe(false);
});

test("a guest whose last channel is removed is empty and not saved", () => {
  const guest = createWith(TO_GUEST);
  guest.remove(TO_GUEST.port);
  expect({ isEmpty: guest.isEmpty, saved: guest.saved }).toEqual({ isEmpty: true, saved: undefined });
});
