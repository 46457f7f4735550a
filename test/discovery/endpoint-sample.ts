/** An endpoint to vary. */
import type { Endpoint } from "../../src/discovery/endpoint.ts";

/** Guest `web1`, named by flag, unless told otherwise. */
export function endpoint(changes: Partial<Endpoint>): Endpoint {
  return { guest: "web1", port: "negotiator-host-to-guest.0", path: "/run/web1", source: "flag", ...changes };
}
