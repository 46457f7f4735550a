/** A call that this side serves or has answered, as a list shows it. */
import type { CallerInfo, CallId, Request } from "../message.ts";

/** A served call, for lists. `params` are as the caller sent them. Times are in milliseconds. */
export type ServedCall = {
  id: CallId;
  method: string;
  params: unknown;
  state: "running" | "finished";
  isDetached: boolean;
  caller?: CallerInfo;
  /** How long ago the call began. */
  startedMs: number;
  /** How long ago the call was answered; absent while it runs. */
  finishedMs?: number;
};

/** Returns the members that the request gives. */
export function describeServed({
  id = "",
  method,
  params,
  isDetached = false,
  caller,
}: Request): Pick<ServedCall, "id" | "method" | "params" | "isDetached" | "caller"> {
  return { id, method, params, isDetached, ...(caller === undefined ? {} : { caller }) };
}
