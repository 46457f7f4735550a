/** Sockets that are named by flag and in the config. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { readNamedGuests, readSocketFlags } from "../../src/discovery/named.ts";
import { errorOf } from "../support/error-of.ts";
import { AGENT_PORT, OWN_PORTS, PORTS_WITH_AGENT } from "./endpoint-sample.ts";

const HOST_TO_GUEST = "negotiator-host-to-guest.0";
const GUEST_TO_HOST = "negotiator-guest-to-host.0";
const KNOWN = { ports: OWN_PORTS, defaultPort: HOST_TO_GUEST };
const WITH_AGENT = { ports: PORTS_WITH_AGENT, defaultPort: HOST_TO_GUEST };

test.each([
  ["web1=/run/s", "web1", HOST_TO_GUEST, "/run/s"],
  [`web1:${GUEST_TO_HOST}=/run/s`, "web1", GUEST_TO_HOST, "/run/s"],
  ["web1:negotiator-channel.0=/run/a=b:c", "web1", "negotiator-channel.0", "/run/a=b:c"],
  [`a:b:${HOST_TO_GUEST}=/run/s`, "a:b", HOST_TO_GUEST, "/run/s"],
  ["my guest=/run/../run//s", "my guest", HOST_TO_GUEST, "/run/s"],
  ["web1=s", "web1", HOST_TO_GUEST, resolve("s")],
] as const)("--socket %j names guest %j, port %s and path %s", (text, guest, port, path) => {
  expect(readSocketFlags([text], KNOWN)).toEqual([{ guest, port, path, source: "flag" }]);
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
])("--socket %j is refused with BAD_USAGE and quoted", (text) => {
  const error = errorOf(() => readSocketFlags([text], KNOWN));
  expect(error.code).toBe("BAD_USAGE");
  expect(error.message).toContain(`"${text}"`);
});

test("the error for a misspelled port in --socket lists all known ports", () => {
  const error = errorOf(() => readSocketFlags(["web1:negotiator-host-to-guest=/run/s"], WITH_AGENT));
  expect(error.message).toContain(GUEST_TO_HOST);
  expect(error.message).toContain(AGENT_PORT);
});

test("--socket and a [[guests]] table accept the port of another program only if it is known", () => {
  const flags = [`web1:${AGENT_PORT}=/run/qga`];
  const guests = [{ name: "web1", socket: "/run/qga", port: AGENT_PORT }];
  const expected = { guest: "web1", port: AGENT_PORT, path: "/run/qga" };
  expect(readSocketFlags(flags, WITH_AGENT)).toEqual([{ ...expected, source: "flag" }]);
  expect(readNamedGuests(guests, WITH_AGENT)).toEqual([{ ...expected, source: "config" }]);
  expect(errorOf(() => readSocketFlags(flags, KNOWN)).code).toBe("BAD_USAGE");
  expect(errorOf(() => readNamedGuests(guests, KNOWN)).code).toBe("BAD_CONFIG");
});

test("[[guests]] tables become endpoints, with the default port where they name none", () => {
  const guests = [
    { name: "a", socket: "/run/a" },
    { name: "a", socket: "/run/b", port: GUEST_TO_HOST },
    { name: "b", socket: "/run/c", port: undefined },
  ];
  expect(readNamedGuests(guests, KNOWN)).toEqual([
    { guest: "a", port: HOST_TO_GUEST, path: "/run/a", source: "config" },
    { guest: "a", port: GUEST_TO_HOST, path: "/run/b", source: "config" },
    { guest: "b", port: HOST_TO_GUEST, path: "/run/c", source: "config" },
  ]);
});

test.each([
  [{ name: "", socket: "/run/a" }, "its name is empty"],
  [{ name: "a", socket: "run/a" }, 'guest 1 "a": socket must be an absolute path; this is "run/a"'],
  [{ name: "a", socket: "" }, "must be an absolute path"],
  [{ name: "a", socket: "/a", port: "x" }, '"x" is not a port'],
])("the [[guests]] table %j is refused with: %s", (guest, text) => {
  const error = errorOf(() => readNamedGuests([guest], KNOWN));
  expect(error.code).toBe("BAD_CONFIG");
  expect(error.message).toContain(text);
});

test("two sockets for one port of one guest are refused, by flag and in the config", () => {
  expect(errorOf(() => readSocketFlags(["a=/x", "b=/y", "a=/z"], KNOWN)).code).toBe("BAD_USAGE");
  const twice = [
    { name: "a", socket: "/x" },
    { name: "a", socket: "/x" },
  ];
  expect(errorOf(() => readNamedGuests(twice, KNOWN)).code).toBe("BAD_CONFIG");
});
