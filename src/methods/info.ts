/** `info`: describes this agent and its machine. */
import { hostname, release, uptime } from "node:os";
import * as v from "valibot";
import { VERSION } from "../version.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";

/**
 * The answer of `info`. The machine has run for `uptimeSeconds`, this process for `agentSeconds`. `timeMs` is
 * its clock, in milliseconds since 1970; older releases do not tell.
 */
export const InfoSchema = v.object({
  role: v.picklist(["host", "guest"]),
  version: v.string(),
  hostname: v.string(),
  kernel: v.string(),
  uptimeSeconds: v.number(),
  agentSeconds: v.number(),
  timeMs: v.exactOptional(v.number()),
});
/** The answer of `info`, parsed. */
export type Info = v.InferOutput<typeof InfoSchema>;

/** Returns the method. */
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
    timeMs: Date.now(),
  };
}
