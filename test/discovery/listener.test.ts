/** The process that has to listen at the socket of an endpoint. */
import { describe, expect, test } from "bun:test";
import { listenerOf } from "../../src/discovery/listener.ts";
import type { FindUser } from "../../src/discovery/listener.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { readProcess } from "../../src/trust/host-process.ts";
import { ourUid } from "../../src/trust/ownership.ts";
import { endpoint } from "./endpoint-sample.ts";

const OTHER_UID = 12_345;
const NAME_USER = 'If another user may listen there, name it in the guest\'s table [[guests]]: user = "USER"';
const self = readProcess(process.pid) ?? { pid: 0, startTicks: 0 };

const users: FindUser = {
  find: (name) =>
    name === "vmuser"
      ? Promise.resolve({ name, uid: OTHER_UID, gid: OTHER_UID, home: "/", shell: "/bin/sh", groups: [] })
      : Promise.reject(new NegotiatorError("BAD_CONFIG", `There is no user "${name}"`)),
};

describe("a socket that a person named", () => {
  test.each(["flag", "config"] as const)("by %s is that of our own user, with a hint", async (source) => {
    expect(await listenerOf(endpoint({ source }), users)()).toMatchObject({
      placeUid: ourUid(),
      more: NAME_USER,
    });
  });

  test("with the user of a table may be that user's", async () => {
    expect(await listenerOf(endpoint({ source: "config", user: "vmuser" }), users)()).toMatchObject({
      placeUid: OTHER_UID,
      more: NAME_USER,
    });
  });

  test("with an unknown user is a fault that says how to name one", async () => {
    expect(await listenerOf(endpoint({ user: "nouser" }), users)()).toEqual({
      problem: 'There is no user "nouser"',
      remedy: NAME_USER,
    });
  });

  test("with a failed lookup is a fault with the remedy of that failure", async () => {
    const failing: FindUser = {
      find: () => Promise.reject(new NegotiatorError("TIMEOUT", "too slow", { remedy: "first\nsecond" })),
    };
    expect(await listenerOf(endpoint({ user: "vmuser" }), failing)()).toEqual({
      problem: "too slow",
      remedy: "first\nsecond",
    });
  });
});

describe("a socket that was found", () => {
  test("in our own libvirt session is our own user's, without a hint", async () => {
    const expected = await listenerOf(endpoint({ source: "libvirt" }), users)();
    expect(expected).toMatchObject({ placeUid: ourUid() });
    expect(expected).not.toHaveProperty("more");
  });

  test("for a process of QEMU is of that process's user", async () => {
    const found = endpoint({ source: "qemu", qemu: self, uid: OTHER_UID, user: "nouser" });
    expect(await listenerOf(found, users)()).toMatchObject({ placeUid: OTHER_UID });
  });

  test("for a domain of libvirt depends on its pid file alone", async () => {
    const pidFile = { path: "/nonexistent/web1.pid", uid: ourUid() };
    const found = endpoint({ source: "libvirt", pidFile, qemu: self, user: "vmuser" });
    expect(await listenerOf(found, users)()).toMatchObject({
      problem: expect.stringContaining('"/nonexistent/web1.pid" does not say which process'),
    });
  });
});
