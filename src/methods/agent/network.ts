/** `guest-network-get-interfaces` and `guest-network-get-route`. */
import { readdir, readFile } from "node:fs/promises";
import { listAddresses } from "../../process/libc-machine.ts";
import { defineAgentCommand } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { MACHINE } from "./machine-places.ts";
import type { MachinePlaces } from "./machine-places.ts";

/** Returns the commands. `list` returns the addresses of the interfaces. */
export function createNetworkCommands(places = MACHINE, list = listAddresses): AgentCommand[] {
  return [createGetInterfaces(places, list), createGetRoute(places)];
}

/** Returns all interfaces. Those with an address have statistics. */
const createGetInterfaces = ({ proc, sys }: MachinePlaces, list: typeof listAddresses): AgentCommand =>
  defineAgentCommand({
    name: "guest-network-get-interfaces",
    access: "usual",
    async run() {
      const addresses = Map.groupBy(list(), ({ name }) => name);
      const counts = parseCounts(await readFile(`${proc}/net/dev`, "utf8").catch(() => ""));
      const present = await readdir(`${sys}/class/net`).catch(() => []);
      // An alias such as eth0:1 is not in the directory.
      const names = [
        ...new Set([...addresses.keys(), ...present.filter((name) => name !== "bonding_masters")]),
      ];
      return Promise.all(
        names.map(async (name) => {
          const own = addresses.get(name)?.flatMap(({ address }) => (address === undefined ? [] : [address]));
          const hardware = await readHardwareAddress(`${sys}/class/net/${name.replace(/:.*/, "")}`);
          return {
            name,
            ...(hardware === undefined ? {} : { "hardware-address": hardware }),
            ...(own === undefined || own.length === 0
              ? {}
              : { "ip-addresses": own.map(describe), statistics: counts.get(name) }),
          };
        }),
      );
    },
  });

type Address = NonNullable<ReturnType<typeof listAddresses>[number]["address"]>;

function describe({ family, text, prefix }: Address) {
  return { "ip-address-type": family, "ip-address": text, prefix };
}

async function readHardwareAddress(directory: string): Promise<string | undefined> {
  const text = await readFile(`${directory}/address`, "latin1").catch(() => "");
  return /^[\da-f]{2}(?::[\da-f]{2}){5}$/.test(text.trim()) ? text.trim() : undefined;
}

/** The columns of /proc/net/dev: eight for receiving, eight for sending (proc(5)). */
function parseCounts(text: string): Map<string, Record<string, bigint>> {
  const lines = [...text.matchAll(/^\s*([^\s:]+(?::\d+)?):\s*(.*)$/gm)];
  return new Map(
    lines.map(([, name = "", rest = ""]) => {
      const columns = rest.trim().split(/\s+/).map(BigInt);
      const at = (index: number): bigint => columns[index] ?? 0n;
      return [
        name,
        {
          "rx-bytes": at(0),
          "rx-packets": at(1),
          "rx-errs": at(2),
          "rx-dropped": at(3),
          "tx-bytes": at(8),
          "tx-packets": at(9),
          "tx-errs": at(10),
          "tx-dropped": at(11),
        },
      ];
    }),
  );
}

/** Returns the routes of both versions of IP. */
const createGetRoute = ({ proc }: MachinePlaces): AgentCommand =>
  defineAgentCommand({
    name: "guest-network-get-route",
    access: "usual",
    async run() {
      const [four, six] = await Promise.all(
        ["route", "ipv6_route"].map((name) => readFile(`${proc}/net/${name}`, "latin1").catch(() => "")),
      );
      return [
        ...rows(four ?? "")
          .slice(1)
          .map(parseRoute4),
        ...rows(six ?? "").map(parseRoute6),
      ];
    },
  });

function rows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.trim().split(/\s+/));
}

function parseRoute4(columns: readonly string[]) {
  const at = (index: number): string => columns[index] ?? "";
  return {
    iface: at(0),
    destination: address4(at(1)),
    gateway: address4(at(2)),
    flags: Number.parseInt(at(3), 16),
    refcnt: Number(at(4)),
    use: Number(at(5)),
    metric: Number(at(6)),
    mask: address4(at(7)),
    mtu: Number(at(8)),
    window: Number(at(9)),
    irtt: Number(at(10)),
    version: 4,
  };
}

/** The kernel writes the four bytes as one number of this machine. */
function address4(hex: string): string {
  return Buffer.from(hex, "hex").reverse().join(".");
}

function parseRoute6(columns: readonly string[]) {
  const at = (index: number): string => columns[index] ?? "";
  return {
    iface: at(9),
    destination: address6(at(0)),
    desprefixlen: String(Number.parseInt(at(1), 16)),
    source: address6(at(2)),
    srcprefixlen: String(Number.parseInt(at(3), 16)),
    nexthop: address6(at(4)),
    metric: Number.parseInt(at(5), 16),
    refcnt: Number.parseInt(at(6), 16),
    use: Number.parseInt(at(7), 16),
    flags: Number.parseInt(at(8), 16),
    version: 6,
  };
}

function address6(hex: string): string {
  const { hostname } = new URL(`http://[${(hex.match(/.{4}/g) ?? []).join(":")}]`);
  return hostname.slice(1, -1);
}
