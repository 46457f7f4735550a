/** `find-ip-addresses`: lists the IPv4 addresses like `ip addr show`. */
import { networkInterfaces } from "node:os";

/** The part of `os.networkInterfaces()` that is used here. */
export type Interfaces = Readonly<
  Record<string, readonly { family: string; cidr: string | null }[] | undefined>
>;

/**
 * Returns one line for each address, with its prefix length, in the order of the interfaces. Includes
 * loopback. Differs from `ip`, because the source is getifaddrs(3): interfaces that are down are missing. A
 * point-to-point link has only its near end, with the prefix length 32.
 */
export function formatAddresses(interfaces: Interfaces = networkInterfaces()): string {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ family, cidr }) => (family === "IPv4" && cidr !== null ? [`${cidr}\n`] : []))
    .join("");
}
