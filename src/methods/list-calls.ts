/** `list-calls`: lists the calls of a peer that run, and those whose answers are kept. */
import * as v from "valibot";
import { isSamePeer } from "./kept/kept-command.ts";
import type { KeptCommand } from "./kept/kept-command.ts";
import type { KeptCommands } from "./kept/kept-commands.ts";
import type { ServedCall } from "../wire/calls/served-call.ts";
import { isJsonObject } from "../wire/json.ts";
import { defineMethod } from "./method.ts";
import type { ListedCall } from "./listed-call.ts";
import type { Method } from "./method.ts";

/** Returns the method. Detached commands are listed as long as they are kept. */
export function createListCalls(kept: Pick<KeptCommands, "list">): Method {
  return defineMethod({
    name: "list-calls",
    isOpen: true,
    params: v.optional(v.object({})),
    async run(_params, { call, caller }) {
      const served = call.listCalls();
      const detached = kept.list().filter(({ peer }) => isSamePeer(peer, caller));
      const ids = new Set(detached.map(({ id }) => id));
      const others = served.filter((one) => !ids.has(one.id) && !isForgotten(one)).map(summarise);
      const calls = [...detached.map(describeKept), ...others];
      return { result: { calls: calls.sort((one, other) => other.startedMs - one.startedMs) } };
    },
  });
}

/** The session still knows the answer of a detached command, but it can no longer be attached to. */
function isForgotten({ method, isDetached, finishedMs }: ServedCall): boolean {
  return method === "execute" && isDetached && finishedMs !== undefined;
}

/** Returns a detached command as the list shows it. */
export function describeKept(kept: KeptCommand): ListedCall {
  const { id, command, user, result } = kept;
  const { startedMs, finishedMs } = kept.ages();
  return {
    id,
    method: "execute",
    command,
    state: finishedMs === undefined ? "running" : "finished",
    isDetached: true,
    ...(user === undefined ? {} : { caller: user }),
    startedMs: Math.round(startedMs),
    ...(finishedMs === undefined ? {} : { finishedMs: Math.round(finishedMs) }),
    ...(result === undefined
      ? {}
      : { exitCode: result.exitCode, signal: result.signal, endedBy: result.endedBy }),
  };
}

/** The parameters may hold a secret, so only the name of a command is shown. */
function summarise({ params, startedMs, finishedMs, ...call }: ServedCall): ListedCall {
  const command = call.method === "execute" && isJsonObject(params) ? params["command"] : undefined;
  return {
    ...call,
    ...(typeof command === "string" ? { command } : {}),
    startedMs: Math.round(startedMs),
    ...(finishedMs === undefined ? {} : { finishedMs: Math.round(finishedMs) }),
  };
}
