/** One picture from several sources. */
import { expect, test } from "bun:test";
import type { Finder } from "../../src/discovery/endpoint.ts";
import { combineFinders, createFixedFinder, mergeEndpoints } from "../../src/discovery/merge.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { endpoint } from "./endpoint-sample.ts";

const signal = new AbortController().signal;
const OTHER_PORT = "negotiator-guest-to-host.0";

test("the same socket counts once, as the most trusted source tells it", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "qemu" }),
    endpoint({ source: "libvirt", uuid: "u" }),
    endpoint({ source: "flag", guest: "db" }),
    endpoint({ source: "config" }),
  ]);
  expect(endpoints).toEqual([endpoint({ source: "flag", guest: "db" })]);
  expect(problems).toEqual([]);
});

test("the same path on another machine is another socket", () => {
  const { endpoints } = mergeEndpoints([endpoint({}), endpoint({ guest: "b", machine: "kvm2" })]);
  expect(endpoints).toHaveLength(2);
});

test("the same port of one UUID counts once, whatever the paths", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "qemu", uuid: "u", path: "/var/run/a" }),
    endpoint({ source: "libvirt", uuid: "u", path: "/run/a" }),
    endpoint({ source: "libvirt", uuid: "u", path: "/run/b", port: OTHER_PORT }),
  ]);
  expect(endpoints.map(({ path }) => path)).toEqual(["/run/a", "/run/b"]);
  expect(problems).toEqual([]);
});

test("where two machines claim a name, the earlier source has it and the loser's other ports go too", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "libvirt", uuid: "u", path: "/libvirt/a" }),
    endpoint({ source: "libvirt", uuid: "u", path: "/libvirt/b", port: OTHER_PORT }),
    endpoint({ source: "flag", path: "/flag" }),
  ]);
  expect(endpoints.map(({ path }) => path)).toEqual(["/flag"]);
  expect(problems.map(({ code }) => code)).toEqual(["BAD_CONFIG"]);
  expect(problems[0]?.message).toContain('"/flag" (flag) and "web1" at "/libvirt/a" (libvirt)');
});

test("a name never stands for ports of two UUIDs", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "libvirt", uuid: "u", path: "/a" }),
    endpoint({ source: "qemu", uuid: "v", path: "/b", port: OTHER_PORT }),
  ]);
  expect(endpoints.map(({ path }) => path)).toEqual(["/a"]);
  expect(problems).toHaveLength(1);
});

test("two of one source with one name are both left out", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "qemu", path: "/a" }),
    endpoint({ source: "qemu", path: "/b" }),
    endpoint({ source: "qemu", path: "/c", guest: "web2" }),
  ]);
  expect(endpoints.map(({ guest }) => guest)).toEqual(["web2"]);
  expect(problems[0]?.message).toContain("neither is used");
});

test("a copied UUID under another name is a clash too", () => {
  const { endpoints, problems } = mergeEndpoints([
    endpoint({ source: "qemu", path: "/a", uuid: "u" }),
    endpoint({ source: "qemu", path: "/b", uuid: "u", guest: "copy" }),
  ]);
  expect(endpoints).toEqual([]);
  expect(problems).toHaveLength(1);
});

test("a saved guest gives way to a live one of its name or UUID, and stays otherwise", () => {
  const saved = endpoint({ source: "libvirt", uuid: "u", path: "/old", state: "saved" });
  const other = endpoint({ source: "libvirt", uuid: "v", path: "/b", guest: "web2" });
  for (const live of [
    endpoint({ source: "libvirt", uuid: "w", path: "/new" }),
    endpoint({ source: "qemu", uuid: "u", path: "/run/a", guest: "renamed" }),
  ]) {
    expect(mergeEndpoints([saved, live, other])).toEqual({ endpoints: expect.any(Array), problems: [] });
    expect(mergeEndpoints([saved, live, other]).endpoints).not.toContain(saved);
  }
  expect(mergeEndpoints([saved, other]).endpoints).toContain(saved);
});

test("every source is told what is known", async () => {
  const told: unknown[] = [];
  const listen: Finder = async (_, known) => {
    told.push(known);
    return { endpoints: [], problems: [], unread: [] };
  };
  const known = [endpoint({})];
  await combineFinders({ libvirt: listen, qemu: listen })(signal, known);
  expect(told).toEqual([known, known]);
});

test("a failing source does not silence the others", async () => {
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
