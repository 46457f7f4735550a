/** Interfaces and routes are those of the kernel's files. */
import { expect, test } from "bun:test";
import { createNetworkCommands } from "../../../src/methods/agent/network.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

const HEAD = "Inter-|   Receive                |  Transmit\n face |bytes    packets errs drop\n";
const STATISTICS = {
  "rx-bytes": 1n,
  "rx-packets": 2n,
  "rx-errs": 3n,
  "rx-dropped": 4n,
  "tx-bytes": 9n,
  "tx-packets": 10n,
  "tx-errs": 11n,
  "tx-dropped": 12n,
};

test("each interface has its hardware address, and one with an address its statistics", async () => {
  await using machine = await createTemporaryDirectory();
  const row = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
  await machine.write("proc/net/dev", `${HEAD}  eth0: ${row}\neth0:1: 5\n  idle:${row}\n`);
  await machine.write("sys/class/net/eth0/address", "52:54:00:12:34:56\n");
  await machine.write("sys/class/net/idle/address", "52:54:00:12:34:57\n");
  await machine.write("sys/class/net/tun0/address", "00\n");
  await machine.write("sys/class/net/bonding_masters", "bond0\n");
  const four = { family: "ipv4", text: "10.0.0.1", prefix: 8 } as const;
  const six = { family: "ipv6", text: "fe80::1", prefix: 64 } as const;
  const { call } = createAgentCalls(
    createNetworkCommands({ sys: machine.at("sys"), proc: machine.at("proc") }, () => [
      { name: "eth0", address: undefined },
      { name: "eth0", address: four },
      { name: "eth0", address: six },
      { name: "eth0:1", address: four },
      { name: "lost", address: undefined },
    ]),
  );
  const eth0 = "52:54:00:12:34:56";
  expect(new Set(Object(await call("guest-network-get-interfaces")))).toEqual(
    new Set([
      {
        name: "eth0",
        "hardware-address": eth0,
        "ip-addresses": [
          { "ip-address-type": "ipv4", "ip-address": "10.0.0.1", prefix: 8 },
          { "ip-address-type": "ipv6", "ip-address": "fe80::1", prefix: 64 },
        ],
        statistics: STATISTICS,
      },
      {
        name: "eth0:1",
        "hardware-address": eth0,
        "ip-addresses": [{ "ip-address-type": "ipv4", "ip-address": "10.0.0.1", prefix: 8 }],
        statistics: Object.fromEntries(
          Object.keys(STATISTICS).map((key) => [key, key === "rx-bytes" ? 5n : 0n]),
        ),
      },
      { name: "lost" },
      { name: "idle", "hardware-address": "52:54:00:12:34:57" },
      { name: "tun0" },
    ]),
  );
});

test("a machine that tells nothing has no interface and no route", async () => {
  const { call } = createAgentCalls(createNetworkCommands({ sys: "/nowhere", proc: "/nowhere" }, () => []));
  expect(await call("guest-network-get-interfaces")).toEqual([]);
  expect(await call("guest-network-get-route")).toEqual([]);
});

test("routes of both versions of IP are listed", async () => {
  await using machine = await createTemporaryDirectory();
  await machine.write(
    "proc/net/route",
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
      "eth0\t0000000A\t0100A8C0\t0003\t1\t2\t100\t000000FF\t1500\t7\t9\n\n",
  );
  await machine.write(
    "proc/net/ipv6_route",
    "20010db8000000000000000000000000 20 fe800000000000000000000000000000 0a " +
      "00000000000000000000000000000001 00000400 00000001 00000002 00000003     eth1\n",
  );
  const { call } = createAgentCalls(createNetworkCommands({ sys: "", proc: machine.at("proc") }));
  expect(await call("guest-network-get-route")).toEqual([
    {
      iface: "eth0",
      destination: "10.0.0.0",
      gateway: "192.168.0.1",
      flags: 3,
      refcnt: 1,
      use: 2,
      metric: 100,
      mask: "255.0.0.0",
      mtu: 1500,
      window: 7,
      irtt: 9,
      version: 4,
    },
    {
      iface: "eth1",
      destination: "2001:db8::",
      desprefixlen: "32",
      source: "fe80::",
      srcprefixlen: "10",
      nexthop: "::1",
      metric: 1024,
      refcnt: 1,
      use: 2,
      flags: 3,
      version: 6,
    },
  ]);
});
