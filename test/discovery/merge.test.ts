/** Merging what several sources find. */
import { expect, test } from "bun:test";
import type { Finder } from "../../src/discovery/endpoint.ts";
import { combineFinders, createFixedFinder, mergeEndpoints } from "../../src/discovery/merge.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { AGENT_PORT, endpoint } from "./endpoint-sample.ts";

const signal = new AbortController().signal;
const OTHER_PORT = "negotiator-guest-to-host.0";

test("four sources of one socket give one endpoint, that of the most trusted source", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "qemu" }),
    endpoint({ source: "libvirt", uuid: "u" }),
    endpoint({ source: "flag", guest: "db" }),
    endpoint({ source: "config" }),
  ]);
  expect(endpoints).toEqual([endpoint({ source: "flag", guest: "db" })]);
  expect(problems).toEqual([]);
});

test("the same path on two machines gives two endpoints", () => {
  const { endpoints } = mergeEndpoints([endpoint({}), endpoint({ guest: "b", machine: "kvm2" })]);
  expect(endpoints).toHaveLength(2);
});

test("two sources with one port of one UUID give one endpoint, even if the paths differ", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "qemu", uuid: "u", path: "/var/run/a" }),
    endpoint({ source: "libvirt", uuid: "u", path: "/run/a" }),
    endpoint({ source: "libvirt", uuid: "u", path: "/run/b", port: OTHER_PORT }),
  ]);
  expect(endpoints.map(({ path }) => path)).toEqual(["/run/a", "/run/b"]);
  expect(problems).toEqual([]);
});

test("of two machines with one name, only that of the earlier source keeps its ports", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "libvirt", uuid: "u", path: "/libvirt/a" }),
    endpoint({ source: "libvirt", uuid: "u", path: "/libvirt/b", port: OTHER_PORT }),
    endpoint({ source: "flag", path: "/flag" }),
  ]);
  expect(endpoints.map(({ path }) => path)).toEqual(["/flag"]);
  expect(problems.map(({ code }) => code)).toEqual(["BAD_CONFIG"]);
  expect(problems[0]?.message).toContain('"/flag" (flag) and "web1" at "/libvirt/a" (libvirt)');
});

test("two sources with one name but two UUIDs clash, and the earlier one keeps the name", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "libvirt", uuid: "u", path: "/a" }),
    endpoint({ source: "qemu", uuid: "v", path: "/b", port: OTHER_PORT }),
  ]);
  expect(endpoints.map(({ path }) => path)).toEqual(["/a"]);
  expect(problems).toHaveLength(1);
});

test("two machines of one source with one name are both removed", () => {
  const { endpoints, problems, clashes } = mergeEndpoints([
    endpoint({ source: "qemu", path: "/a" }),
    endpoint({ source: "qemu", path: "/b" }),
    endpoint({ source: "qemu", path: "/c", guest: "web2" }),
  ]);
  expect(endpoints.map(({ guest }) => guest)).toEqual(["web2"]);
  expect(problems[0]?.message).toContain("neither is used");
  expect(clashes).toEqual([{ guests: ["web1"], error: expect.objectContaining({ code: "BAD_CONFIG" }) }]);
});

test("two names with one UUID in one source are both removed", () => {
  const { endpoints, problems, clashes } = mergeEndpoints([
    endpoint({ source: "qemu", path: "/a", uuid: "u" }),
    endpoint({ source: "qemu", path: "/b", uuid: "u", guest: "copy" }),
  ]);
  expect(endpoints).toEqual([]);
  expect(clashes.map(({ guests }) => guests)).toEqual([["web1", "copy"]]);
  expect(problems).toHaveLength(1);
});

test("a saved guest is removed when a live one has its name or UUID, and stays otherwise", () => {
  const saved = endpoint({ source: "libvirt", uuid: "u", path: "/old", state: "saved" });
  const other = endpoint({ source: "libvirt", uuid: "v", path: "/b", guest: "web2" });
  for (const live of [
    endpoint({ source: "libvirt", uuid: "w", path: "/new" }),
    endpoint({ source: "qemu", uuid: "u", path: "/run/a", guest: "renamed" }),
  ]) {
    expect(mergeEndpoints([saved, live, other])).toMatchObject({ problems: [], clashes: [] });
    expect(mergeEndpoints([saved, live, other]).endpoints).not.toContain(saved);
  }
  expect(mergeEndpoints([saved, other]).endpoints).toContain(saved);
});

test("a port of another program is kept beside those of negotiator, and merged in the same way", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "libvirt", uuid: "u", path: "/libvirt/a" }),
    endpoint({ source: "qemu", uuid: "u", path: "/qemu/qga", port: AGENT_PORT }),
    endpoint({ source: "libvirt", uuid: "u", path: "/libvirt/qga", port: AGENT_PORT }),
  ]);
  expect(endpoints.map(({ port, path }) => [port, path])).toEqual([
    ["negotiator-host-to-guest.0", "/libvirt/a"],
    [AGENT_PORT, "/libvirt/qga"],
  ]);
  expect(problems).toEqual([]);
});

test("every finder gets the known endpoints", async () => {
  const received: unknown[] = [];
  const record: Finder = async (_, known) => {
    received.push(known);
    return { endpoints: [], problems: [], unread: [] };
  };
  const known = [endpoint({})];
  await combineFinders({ libvirt: record, qemu: record })(signal, known);
  expect(received).toEqual([known, known]);
});

test("a finder that throws becomes a problem, and the endpoints of the others stay", async () => {
  const find = combineFinders({
    libvirt: () => Promise.reject(new NegotiatorError("NO_CHANNEL", "libvirt is down")),
    qemu: () => {
      throw new Error("odd");
    },
    flag: createFixedFinder([endpoint({})]),
  });
  const { endpoints, problems, unread } = await find(signal);
  expect(endpoints).toEqual([endpoint({})]);
  expect(problems.map(({ message }) => message)).toEqual(["libvirt is down", "odd"]);
  expect(unread).toEqual([{ source: "libvirt" }, { source: "qemu" }]);
});

test("each of 2000 endpoints is compared with the few of the same guest", () => {
  let looks = 0;
  const counted = (guest: string, port: string) => ({
    ...endpoint({ port, uuid: guest, path: `/run/${guest}/${port}` }),
    // The comparisons look at the name.
    get guest() {
      looks++;
      return guest;
    },
  });
  const names = Array.from({ length: 1000 }, (_, index) => `web${index}`);
  const all = names.flatMap((name) => [counted(name, AGENT_PORT), counted(name, OTHER_PORT)]);
  looks = 0;
  expect(mergeEndpoints(all).endpoints).toHaveLength(2000);
  expect(looks).toBeLessThan(20 * all.length);
});

test("a named guest with another path than before has moved, but not one of another source", async () => {
  const find = createFixedFinder([
    endpoint({ path: "/new" }),
    endpoint({ path: "/same", guest: "web2" }),
    endpoint({ path: "/other", guest: "web3" }),
  ]);
  const known = [
    endpoint({ path: "/old" }),
    endpoint({ path: "/same", guest: "web2" }),
    endpoint({ path: "/found", guest: "web3", source: "libvirt" }),
  ];
  const { endpoints } = await find(signal, known);
  expect(endpoints.map(({ movedFrom }) => movedFrom)).toEqual(["/old", undefined, undefined]);
  expect((await find(signal)).endpoints.map(({ movedFrom }) => movedFrom)).toEqual(Array(3).fill(undefined));
});
