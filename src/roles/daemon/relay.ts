/** The methods of the control socket that the daemon passes on to a peer, for local users. */
import * as v from "valibot";
import { untilAborted } from "../../abort.ts";
import { startCall } from "../../peers/call-time.ts";
import type { CallLimits } from "../../peers/call-time.ts";
import { ExecuteParams } from "../../methods/execute-schemas.ts";
import { NegotiatorError } from "../../errors.ts";
import { defineMethod } from "../../methods/method.ts";
import { isKept } from "../../methods/kept/keep.ts";
import type { Method, MethodAnswer } from "../../methods/method.ts";
import { limitRun } from "../../methods/run-limit.ts";
import type { Peer, Resumed } from "../../peers/peer.ts";
import { detachOn } from "../../peers/detached-command.ts";
import type { DetachRequest } from "../../peers/detached-command.ts";
import { executeOn, infoOf, commandListOf } from "../../peers/remote-command.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { noteStart } from "../start-note.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { PeerShares } from "./peer-shares.ts";
import { pipeCommand } from "./pipe-command.ts";
import { pipeMessages } from "./pipe-messages.ts";

/**
 * `connectTimeoutMs` is the time that is left for reaching the guest; 0 or absent for no limit. `isPatient`:
 * the caller wants to wait so long, also for a guest that is known not to be there yet.
 */
const Target = {
  guest: v.exactOptional(v.string()),
  connectTimeoutMs: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  isPatient: v.exactOptional(v.boolean()),
};

/**
 * Finds the peer for a call: on a host the guest of that name, on a guest the host. Rejects after `timeoutMs`
 * milliseconds (0 for no limit), and earlier if the peer is known not to be there, unless the caller is
 * patient. It may ignore `signal`: the relay itself stops waiting when `signal` aborts.
 */
export type PeerOf = (
  guest: string | undefined,
  timeoutMs: number,
  signal: AbortSignal,
  isPatient?: boolean,
) => Promise<Peer>;

/** A session that was handed over and is cut keeps its calls about so long for its peer to come back. */
const RESUMED_MS = 120_000;

/** The methods `execute`, `list-commands` and `info`, which call the peer of `peerOf`. */
export function createRelay(peerOf: PeerOf, shares: Pick<PeerShares, "takeCall">): Method[] {
  // A guest may never answer, so a caller that aborts stops waiting for it.
  const find: PeerOf = (guest, timeoutMs, signal, isPatient) =>
    untilAborted(peerOf(guest, timeoutMs, signal, isPatient), signal);

  const execute = defineMethod({
    name: "execute",
    params: v.object({ ...Target, ...ExecuteParams.entries }),
    resource: ({ command, args }) => ({ kind: "command", name: command, args }),
    target: ({ guest }) => (guest === undefined ? {} : { guest }),
    async run({ guest, connectTimeoutMs = 0, isPatient, command, args }, context) {
      const { call, leftMs, grant, begin, isStrict, onFreeze } = context;
      using place = new DisposableStack();
      place.use(shares.takeCall(guest, call.caller));
      const hasInput = call.streams.read.includes("stdin");
      const limit = limitRun(leftMs(), grant.timeoutMs);
      const given = givenRelay(context.given);
      const time = startCall(given ?? { timeoutMs: limit.timeoutMs, connectTimeoutMs });
      let remote: RemoteCommand | undefined;
      const freeze = (): GivenRelay => ({
        timeoutMs: time.left(),
        connectTimeoutMs: time.leftToConnect(),
        over: remote === undefined ? given?.over : remote.freezeOver?.(),
      });
      // Its peer may be away for longer than until the next replacement.
      if (given !== undefined) onFreeze(freeze);
      try {
        // A call that was handed over has reached its peer, which may be cut or paused just now.
        const waitMs = given === undefined ? time.leftToConnect() : RESUMED_MS;
        const peer = await find(guest, waitMs, call.signal, isPatient === true || given !== undefined);
        if (isStrict) await begin();
        const { id, signal, caller } = call;
        const request = {
          id,
          resumed: given,
          command,
          args,
          timeoutMs: time.left(),
          connectTimeoutMs: given === undefined ? time.leftToConnect() : 0,
          signal,
          ...(caller === undefined ? {} : { caller }),
        };
        onFreeze(peer.can.messages ? freeze : "never");
        if (isKept(call)) return await detach(peer, request, { call, begin, place });
        const running = executeOn(peer, { ...request, hasInput });
        remote = running;
        pipeMessages(call, running);
        const result = await noteStart(running, begin, () => pipeCommand(call, running));
        const { inputBytes = sentBytes(running) } = result;
        const endedBy = limit.isOurs && result.endedBy === "deadline" ? "limit" : result.endedBy;
        const { durationMs: _, inputBytes: __, ...audit } = { ...result, endedBy };
        return { result: { ...result, inputBytes, endedBy }, audit };
      } catch (thrown) {
        throw withSentBytes(NegotiatorError.from(thrown), remote);
      }
    },
  });
  const list = defineMethod({
    name: "list-commands",
    isOpen: true,
    params: v.object(Target),
    target: ({ guest }) => (guest === undefined ? {} : { guest }),
    async run({ guest, connectTimeoutMs = 0, isPatient }, { call, leftMs, grant, isOffered }) {
      const { signal, caller } = call;
      using _ = shares.takeCall(guest, caller);
      const time = startCall({ timeoutMs: limitRun(leftMs(), grant.timeoutMs).timeoutMs, connectTimeoutMs });
      const peer = await find(guest, time.leftToConnect(), signal, isPatient);
      const limits = { timeoutMs: time.left(), connectTimeoutMs: time.leftToConnect() };
      const { commands, ...remarks } = await commandListOf(peer, { ...limits, signal });
      return { result: { commands: commands.filter(({ name }) => isOffered(name)), ...remarks } };
    },
  });
  const info = defineMethod({
    name: "info",
    isOpen: true,
    params: v.object(Target),
    target: ({ guest }) => (guest === undefined ? {} : { guest }),
    async run({ guest, connectTimeoutMs = 0, isPatient }, { call, leftMs, grant }) {
      const { signal, caller } = call;
      using _ = shares.takeCall(guest, caller);
      const time = startCall({ timeoutMs: limitRun(leftMs(), grant.timeoutMs).timeoutMs, connectTimeoutMs });
      const peer = await find(guest, time.leftToConnect(), signal, isPatient);
      const limits = { timeoutMs: time.left(), connectTimeoutMs: time.leftToConnect() };
      return { result: await infoOf(peer, { ...limits, signal }) };
    },
  });
  return [execute, list, info];
}

/** A call that went to its peer already, with the limits that are left of it. */
type GivenRelay = CallLimits & Resumed;

function givenRelay(given: unknown): GivenRelay | undefined {
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return given as GivenRelay | undefined;
}

type Detaching = { call: IncomingCall; begin: () => Promise<void>; place: DisposableStack };

/**
 * Resolves when the command runs. Its end is in the audit of the side that runs it. It keeps the place until
 * then, because the peer counts it among its calls.
 */
async function detach(
  peer: Peer,
  request: DetachRequest,
  { call: { keepMs }, begin, place }: Detaching,
): Promise<MethodAnswer> {
  const { id, over } = await detachOn(peer, { ...request, ...(keepMs === undefined ? {} : { keepMs }) });
  const kept = place.move();
  void over.finally(() => kept.dispose());
  await begin();
  return { result: { call: id } };
}

/** How many bytes of input went to the peer. */
function sentBytes(remote: RemoteCommand | undefined): number {
  return remote?.isSent === true ? (remote.stdin?.sentBytes ?? 0) : 0;
}

/** Tells the caller how much of its input went to the peer before the call failed. */
function withSentBytes(error: NegotiatorError, remote: RemoteCommand | undefined): NegotiatorError {
  const { code, message, data, cause } = error;
  if (data !== undefined) return error;
  return new NegotiatorError(code, message, { data: { inputBytes: sentBytes(remote) }, cause });
}
