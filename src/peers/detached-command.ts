/** Starts detached commands at a peer, and reaches them again. */
import { NegotiatorError } from "../errors.ts";
import type { ExecuteResult } from "../methods/execute-schemas.ts";
import { CallListSchema } from "../methods/listed-call.ts";
import type { ListedCall } from "../methods/listed-call.ts";
import { isJsonObject } from "../wire/json.ts";
import type { CallId } from "../wire/message.ts";
import type { Peer, PeerCallOptions } from "./peer.ts";
import { callCommand, checkEnd, checkResult } from "./remote-command.ts";
import type { ExecuteRequest, RemoteCommand } from "./remote-command.ts";

/** A command to start. */
export type DetachRequest = Omit<ExecuteRequest, "hasInput"> & { keepMs?: number };

const ignore = (): void => undefined;

/** The options of a call about a detached command. */
export type DetachedOptions = Pick<
  PeerCallOptions,
  "id" | "resumed" | "timeoutMs" | "connectTimeoutMs" | "caller" | "signal"
>;

/** A detached command. `over` resolves when the peer has answered its call, or will not. */
export type Detached = { id: CallId; over: Promise<void> };

/**
 * Starts a command that goes on without us, and resolves with the id of its call when it runs. Rejects as
 * `PeerCall.result` does, and with `UNSUPPORTED` at a peer whose dialect has no such commands.
 */
export async function detachOn(peer: Peer, { command, args, ...options }: DetachRequest): Promise<Detached> {
  checkCan(peer);
  const call = peer.call("execute", { command, args }, { ...options, isDetached: true });
  const { promise: started, resolve } = Promise.withResolvers<unknown>();
  call.listen((name, value) => {
    if (name === "started") resolve(value);
  });
  const answer = await Promise.race([started, call.result]);
  // The id of the request is ours. A daemon that passes the request on has made another one.
  const id = options.id ?? readId(answer);
  return { id, over: call.result.then(ignore, ignore) };
}

/** Takes the kept output of a command, and follows it. `from`: its start, or what comes after now. */
export function attachOn(
  peer: Peer,
  params: { call: CallId; from: "start" | "now" },
  options: DetachedOptions,
): RemoteCommand {
  checkCan(peer);
  return callCommand(peer, "attach-command", params, { ...options, hasInput: false });
}

/** Resolves with the result of a command, when it has ended. */
export async function waitOn(peer: Peer, id: CallId, options: DetachedOptions): Promise<ExecuteResult> {
  checkCan(peer);
  return checkEnd(await peer.call("attach-command", { call: id }, options).result);
}

/** Sends a signal, such as `SIGUSR1`. */
export async function signalOn(
  peer: Peer,
  params: { call: CallId; signal: string },
  options: DetachedOptions,
): Promise<void> {
  checkCan(peer);
  await peer.call("signal-command", params, options).result;
}

/** Ends a command, and resolves with its result. */
export async function cancelOn(peer: Peer, id: CallId, options: DetachedOptions): Promise<ExecuteResult> {
  checkCan(peer);
  return checkEnd(await peer.call("cancel-command", { call: id }, options).result);
}

/** Returns the calls of ours that run at the peer, and the detached ones that are kept there. */
export async function listCallsOn(peer: Peer, options: DetachedOptions): Promise<ListedCall[]> {
  return (await checkResult(peer.call("list-calls", {}, options).result, CallListSchema)).calls;
}

/** Only a text that is safe to write on a terminal and on a command line is an id. */
function readId(value: unknown): CallId {
  const id = isJsonObject(value) ? value["call"] : undefined;
  if (typeof id === "string" && /^\w[\w-]{0,63}$/.test(id)) return id;
  throw new NegotiatorError("UNKNOWN_OUTCOME", "The command was started, and its peer does not say its id", {
    remedy: "Look for it with the subcommand calls",
  });
}

/** Other dialects have no messages inside a call, and nothing that is detached. */
function checkCan({ can }: Peer): void {
  if (can.messages) return;
  throw new NegotiatorError(
    "UNSUPPORTED",
    "The agent there is a python-negotiator, which has no detached calls",
    {
      remedy: "Install negotiator there, as MIGRATING.md describes",
    },
  );
}
