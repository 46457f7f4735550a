/** Facts about a guest, from the answers of its agent. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import type { FaultCode } from "../../src/errors.ts";
import { askFacts, setFrozen } from "../../src/peers/guest-words.ts";
import type { Peer, PeerCall } from "../../src/peers/peer.ts";
import { rejectionOf } from "../support/error-of.ts";

const ANSWERS: Readonly<Record<string, unknown>> = {
  "guest-get-host-name": { "host-name": "db1" },
  "guest-get-osinfo": {
    "pretty-name": "Debian 12",
    name: "Debian",
    "kernel-release": "6.1.0",
    machine: "x86_64",
  },
  "guest-get-timezone": { offset: -12_600 },
  "guest-network-get-interfaces": [
    { name: "lo" },
    {
      name: "eth0",
      "hardware-address": "52:54:00:00:00:01",
      "ip-addresses": [{ "ip-address": "10.0.0.2", prefix: 24 }],
    },
  ],
  "guest-get-users": [
    { user: "root", "login-time": 1_700_000_000.5 },
    { user: "odd", "login-time": 1e300 },
  ],
  "guest-get-fsinfo": [
    { name: "vda1", mountpoint: "/", type: "ext4", "used-bytes": 5, "total-bytes": 10, disk: [] },
  ],
  "guest-fsfreeze-status": "thawed",
  "guest-fsfreeze-freeze": 2,
};

function noStream(): never {
  throw new Error("no stream");
}

function ignore(): void {
  // The peer answers by itself.
}

/** A peer that answers so. An error's code stands for an error. */
function peerWith(
  answers: Readonly<Record<string, unknown>>,
  codes: Readonly<Record<string, FaultCode>> = {},
): Peer {
  const call = (method: string): PeerCall => {
    const code = codes[method];
    const result =
      code === undefined
        ? Promise.resolve(answers[method])
        : Promise.reject(new NegotiatorError(code, method));
    return {
      isSent: true,
      result,
      reader: noStream,
      writer: noStream,
      send: ignore,
      listen: ignore,
      cancel: ignore,
    };
  };
  return { can: { methods: undefined, notices: false, messages: false }, call, notify: () => undefined };
}

test("all facts that the agent tells have the form of guest-info", async () => {
  expect(await askFacts(peerWith(ANSWERS), { timeoutMs: 0 })).toEqual({
    hostName: "db1",
    system: "Debian 12",
    kernel: "6.1.0",
    timeZone: "UTC-03:30",
    interfaces: [
      { name: "lo", address: undefined, addresses: [] },
      { name: "eth0", address: "52:54:00:00:00:01", addresses: ["10.0.0.2/24"] },
    ],
    users: [
      { name: "root", since: "2023-11-14T22:13:20.500Z" },
      { name: "odd", since: "" },
    ],
    fileSystems: [{ path: "/", type: "ext4", device: "vda1", usedBytes: 5, totalBytes: 10 }],
    frozen: false,
  });
});

test.each([
  [0, "UTC+00:00"],
  [59, "UTC+00:00"],
  [-1800, "UTC-00:30"],
  [20_700, "UTC+05:45"],
  [50_400, "UTC+14:00"],
])("an offset of %i seconds is the time zone %s", async (offset, timeZone) => {
  const answers = { ...ANSWERS, "guest-get-timezone": { offset } };
  expect(await askFacts(peerWith(answers), { timeoutMs: 0 })).toMatchObject({ timeZone });
});

const ALL = Object.keys(ANSWERS);

test.each(["UNSUPPORTED", "UNKNOWN_METHOD", "DENIED", "BUSY", "INTERNAL", "NOT_EXECUTABLE"] as const)(
  "facts that the agent refuses with %s are left out, and if it refuses all, that is the error",
  async (code) => {
    const some = peerWith(ANSWERS, Object.fromEntries(ALL.slice(1).map((name) => [name, code])));
    expect(await askFacts(some, { timeoutMs: 0 })).toEqual({ hostName: "db1" });
    const all = peerWith(ANSWERS, Object.fromEntries(ALL.map((name) => [name, code])));
    expect(await rejectionOf(askFacts(all, { timeoutMs: 0 }))).toMatchObject({ code });
  },
);

test("a channel that is cut is an error, whatever else the agent tells", async () => {
  const peer = peerWith(ANSWERS, { "guest-get-users": "CLOSED" });
  expect(await rejectionOf(askFacts(peer, { timeoutMs: 0 }))).toMatchObject({ code: "CLOSED" });
});

test("an answer of another form is an error that names the member", async () => {
  const peer = peerWith({ ...ANSWERS, "guest-get-users": [{ user: 5 }] });
  expect((await rejectionOf(askFacts(peer, { timeoutMs: 0 }))).message).toContain('"0.user"');
});

test("a freeze gives the number of file systems", async () => {
  expect(await setFrozen(peerWith(ANSWERS), "freeze", { timeoutMs: 0 })).toBe(2);
});
