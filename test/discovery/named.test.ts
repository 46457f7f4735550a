/** Sockets named by flag and config. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { readNamedGuests, readSocketFlags } from "../../src/discovery/named.ts";
import { errorOf } from "../support/error-of.ts";

const HOST_TO_GUEST = "negotiator-host-to-guest.0";
const GUEST_TO_HOST = "negotiator-guest-to-host.0";

test.each([
  ["web1=/run/s", "web1", HOST_TO_GUEST, "/run/s"],
  [`web1:${GUEST_TO_HOST}=/run/s`, "web1", GUEST_TO_HOST, "/run/s"],
  ["web1:negotiator-channel.0=/run/a=b:c", "web1", "negotiator-channel.0", "/run/a=b:c"],
  [`a:b:${HOST_TO_GUEST}=/run/s`, "a:b", HOST_TO_GUEST, "/run/s"],
  ["my guest=/run/../run//s", "my guest", HOST_TO_GUEST, "/run/s"],
  ["web1=s", "web1", HOST_TO_GUEST, resolve("s")],
] as const)("--socket %s", (text, guest, port, path) => {
  expect(readSocketFlags([text])).toEqual([{ guest, port, path, source: "flag" }]);
});

test.each([
  "",
  "web1",
  "=",
  "web1=",
  "=/run/s",
  ":=/run/s",
  `:${HOST_TO_GUEST}=/run/s`,
  "a:b=/run/s",
  "a:=/s",
])("--socket %j is wrong usage", (text) => {
  const error = errorOf(() => readSocketFlags([text]));
  expect(error.code).toBe("BAD_USAGE");
  expect(error.message).toContain(`"${text}"`);
});

test("a misspelled port is answered with the ports there are", () => {
  const error = errorOf(() => readSocketFlags(["web1:negotiator-host-to-guest=/run/s"]));
  expect(error.message).toContain(GUEST_TO_HOST);
});

test("reads the config's tables", () => {
  const guests = [
    { name: "a", socket: "/run/a" },
    { name: "a", socket: "/run/b", port: GUEST_TO_HOST },
    { name: "b", socket: "/run/c", port: undefined },
  ];
  expect(readNamedGuests(guests)).toEqual([
    { guest: "a", port: HOST_TO_GUEST, path: "/run/a", source: "config" },
    { guest: "a", port: GUEST_TO_HOST, path: "/run/b", source: "config" },
    { guest: "b", port: HOST_TO_GUEST, path: "/run/c", source: "config" },
  ]);
});

test.each([
  [{ name: "", socket: "/run/a" }, "its name is empty"],
  [{ name: "a", socket: "run/a" }, '"run/a" is not an absolute path'],
  [{ name: "a", socket: "" }, "is not an absolute path"],
  [{ name: "a", socket: "/a", port: "x" }, '"x" is not a port'],
])("refuses %j", (guest, text) => {
  const error = errorOf(() => readNamedGuests([guest]));
  expect(error.code).toBe("BAD_CONFIG");
  expect(error.message).toContain(text);
});

test("refuses two sockets for one port", () => {
  expect(errorOf(() => readSocketFlags(["a=/x", "b=/y", "a=/z"])).code).toBe("BAD_USAGE");
  const twice = [
    { name: "a", socket: "/x" },
    { name: "a", socket: "/x" },
  ];
  expect(errorOf(() => readNamedGuests(twice)).code).toBe("BAD_CONFIG");
});
