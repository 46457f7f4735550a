/** Makes channels of a guest for tests. */
import type { Endpoint } from "../../src/discovery/endpoint.ts";

/** Returns a channel of the guest `web1`; without `connected` nothing is known about a program behind it. */
export function endpointAt(port: string, connected?: boolean): Endpoint {
  const place = { guest: "web1", source: "libvirt", port, path: `/run/${port}` } as const;
  return connected === undefined ? place : { ...place, connected };
}
