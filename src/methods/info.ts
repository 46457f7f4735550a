/** `info`: who answers here. */
import { hostname, release, uptime } from "node:os";
import * as v from "valibot";
import { VERSION } from "../version.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";

/** `uptimeSeconds` is the machine's, `agentSeconds` the agent's. */
export const InfoSchema = v.object({
  role: v.picklist(["host", "guest"]),
  version: v.string(),
  hostname: v.string(),
  kernel: v.string(),
  uptimeSeconds: v.number(),
  agentSeconds: v.number(),
});
export type Info = v.InferOutput<typeof InfoSchema>;

export function createInfo({ role }: { role: "host" | "guest" }): Method {
  return defineMethod({
    name: "info",
    isOpen: true,
    params: v.optional(v.object({})),
    run: () => Promise.resolve({ result: describe(role) }),
  });
}

function describe(role: "host" | "guest"): Info {
  return {
    role,
    version: VERSION,
    hostname: hostname(),
    kernel: release(),
    uptimeSeconds: Math.round(uptime()),
    agentSeconds: Math.round(process.uptime()),
  };
}
