/** `find-ip-addresses`: the IPv4 addresses as `ip addr show` lists them. */
import { networkInterfaces } from "node:os";

/** What is used of `os.networkInterfaces()`. */
export type Interfaces = Readonly<
  Record<string, readonly { family: string; cidr: string | null }[] | undefined>
>;

/**
 * One address with its prefix length per line, loopback included, in the order of the interfaces and of their
 * addresses. Unlike `ip`, it leaves out interfaces that are down, as getifaddrs(3) is read here; the far end of a
 * point-to-point link is not shown, its near end has the prefix length 32.
 */
export function formatAddresses(interfaces: Interfaces = networkInterfaces()): string {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ family, cidr }) => (family === "IPv4" && cidr !== null ? [`${cidr}\n`] : []))
    .join("");
}
