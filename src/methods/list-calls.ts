/** `list-calls`: lists the calls of a peer that run, and those whose answers are kept. */
import * as v from "valibot";
import type { ServedCall } from "../wire/calls/served-call.ts";
import { isJsonObject } from "../wire/json.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";

/** Returns the method. */
export function createListCalls(): Method {
  return defineMethod({
    name: "list-calls",
    isOpen: true,
    params: v.optional(v.object({})),
    run: (_params, { call }) => Promise.resolve({ result: { calls: call.listCalls().map(summarise) } }),
  });
}

/** The parameters may hold a secret, so only the name of a command is shown. */
function summarise({ params, startedMs, finishedMs, ...call }: ServedCall): Record<string, unknown> {
  const command = call.method === "execute" && isJsonObject(params) ? params["command"] : undefined;
  return {
    ...call,
    ...(typeof command === "string" ? { command } : {}),
    startedMs: Math.round(startedMs),
    ...(finishedMs === undefined ? {} : { finishedMs: Math.round(finishedMs) }),
  };
}
