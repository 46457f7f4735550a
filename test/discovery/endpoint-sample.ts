/** Sample data for the tests of discovery. */
import { NATIVE_PORTS as PORT_NAMES } from "../../src/peers/native.ts";
import type { Endpoint } from "../../src/discovery/endpoint.ts";

/** The names of negotiator's own ports. */
export const OWN_PORTS: ReadonlySet<string> = new Set(Object.values(PORT_NAMES));

/** A port of another program. */
export const AGENT_PORT = "org.qemu.guest_agent.0";

/** Names of ports that include the one of another program. */
export const PORTS_WITH_AGENT: ReadonlySet<string> = new Set([...OWN_PORTS, AGENT_PORT]);

/** Returns an endpoint of guest `web1`, named by flag, with `changes`. */
export function endpoint(changes: Partial<Endpoint>): Endpoint {
  return { guest: "web1", port: "negotiator-host-to-guest.0", path: "/run/web1", source: "flag", ...changes };
}
