/** The methods of the control socket for detached calls. Root may reach those of peers too. */
import * as v from "valibot";
import { untilAborted } from "../../abort.ts";
import { NegotiatorError } from "../../errors.ts";
import { attachTo, KeptCallId } from "../../methods/attach-command.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import { describeKept } from "../../methods/list-calls.ts";
import { ListedCallSchema } from "../../methods/listed-call.ts";
import type { ListedCall } from "../../methods/listed-call.ts";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { noCall } from "../../methods/kept/kept-commands.ts";
import type { KeptCommand } from "../../methods/kept/kept-command.ts";
import type { KeptCommands } from "../../methods/kept/kept-commands.ts";
import { attachOn, cancelOn, listCallsOn, signalOn, waitOn } from "../../peers/detached-command.ts";
import type { Peer, Resumed } from "../../peers/peer.ts";
import { pause } from "../../peers/supervise.ts";
import { printable } from "../../printable.ts";
import { identifyCaller } from "../../policy/caller.ts";
import { FORWARDED_SIGNALS } from "../../process/run.ts";
import { settlesWithin } from "../../process/settling.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { CallerInfo, CallId } from "../../wire/message.ts";
import { clipText } from "../../wire/message.ts";
import { createListings } from "./call-listings.ts";
import type { Listings } from "./call-listings.ts";
import type { PeerShares } from "./peer-shares.ts";
import { pipeCommand } from "./pipe-command.ts";

/** A peer that can be called now; `guest` is its name on a host. */
export type OpenPeer = { guest?: string; peer: Peer };

/**
 * Options of the relay. `openPeers` returns all peers, or the guest of this name. `closedPeers` returns
 * those that cannot be called now and may come back.
 */
export type DetachedRelayOptions = {
  openPeers: (guest?: string) => readonly OpenPeer[];
  closedPeers: () => readonly Pick<OpenPeer, "guest">[];
  kept: Pick<KeptCommands, "get" | "list">;
  shares: PeerShares;
  /** How long a peer may take to connect, and then to say if it has a call; tests pass another time. */
  findMs?: number;
};

/** A peer that does not answer must not hold up the list. */
const LIST_MS = 2000;
/** A call is not known to be gone before all peers have answered, and a busy one may take long. */
const FIND_MS = 8000;
/** The pause between two looks for peers that have connected. */
const CONNECT_STEP_MS = 100;
/** It has less time after the last answer of another peer. */
const QUIET_MS = 400;

/** A call in the list of `calls`. `direction`: `out` for those of this machine, `in` for those of peers. */
export const CallRowSchema = v.object({
  ...ListedCallSchema.entries,
  direction: v.picklist(["in", "out"]),
  guest: v.exactOptional(v.string()),
});
/** A call in the list, parsed. */
export type CallRow = v.InferOutput<typeof CallRowSchema>;

/**
 * The answer of `calls`. `silent` are the guests that did not answer in time, or not with a list. `leftOut`
 * is the number of calls that are not in the answer.
 */
export const CallsSchema = v.object({
  calls: v.array(CallRowSchema),
  silent: v.array(v.string()),
  leftOut: v.number(),
});

/** One answer has room for them. Each peer has the same share, so that none can hide the calls of another. */
const MOST_ROWS = 4000;

/** Returns the methods. */
export function createDetachedRelay(options: DetachedRelayOptions): Method[] {
  const { openPeers, kept, shares, findMs = FIND_MS } = options;
  const list = createListings((open: OpenPeer, caller) => ask(open, caller, findMs));
  const listSoon = async (open: OpenPeer, caller: CallerInfo | undefined): Promise<CallRow[] | undefined> => {
    const listing = list(open, caller);
    return (await settlesWithin(listing, LIST_MS)) ? listing : undefined;
  };
  const find = createFind(options, list);
  const cancelThere = async (
    { guest, peer }: OpenPeer,
    id: CallId,
    call: IncomingCall,
  ): Promise<ExecuteResult> => {
    using _ = shares.takeWord(guest, call.caller);
    const { signal: __, ...options } = optionsOf(call);
    return await cancelOn(peer, id, options);
  };

  const calls = defineMethod({
    name: "calls",
    isOpen: true,
    params: v.object({ guest: v.exactOptional(v.string()) }),
    async run({ guest }, { call: { caller } }) {
      const peers = openPeers(guest);
      const rows = await takeAnswers(peers.map((open) => listSoon(open, caller)));
      const silent = peers.flatMap((open, index) => (rows[index] === undefined ? [nameOf(open)] : []));
      const own = isRoot(caller) ? kept.list().map(describeOwn) : [];
      const lists = [...rows, own.filter((row) => guest === undefined || row.guest === guest)];
      const share = Math.floor(MOST_ROWS / lists.length);
      const shown = lists.flatMap((list = []) => list.slice(-share));
      const leftOut = lists.reduce((sum, list = []) => sum + Math.max(0, list.length - share), 0);
      return {
        result: { calls: shown.sort((one, other) => other.startedMs - one.startedMs), silent, leftOut },
      };
    },
  });
  const attach = defineMethod({
    name: "attach-call",
    isOpen: true,
    params: v.object({ call: KeptCallId, from: v.picklist(["start", "now"]) }),
    async run({ call: id, from }, { call, given, onFreeze }) {
      const { caller, signal, streams } = call;
      const found = await untilAborted(find(id, call), signal);
      if ("stdout" in found) {
        return { result: await attachTo(found, call, { from, given, onFreeze }) };
      }
      using _ = shares.takeCall(found.guest, caller);
      const resumed = givenResumed(given);
      const options = { id: call.id, resumed, timeoutMs: 0, signal, ...(caller && { caller }) };
      if (streams.written.length === 0) {
        onFreeze(() => ({}));
        return { result: await waitOn(found.peer, id, options) };
      }
      const attached = attachOn(found.peer, { call: id, from }, options);
      onFreeze((): Resumed => ({ over: attached.freezeOver?.() }));
      return { result: await pipeCommand(call, attached) };
    },
  });
  const signal = defineMethod({
    name: "signal-call",
    isOpen: true,
    params: v.object({ call: KeptCallId, signal: v.picklist(FORWARDED_SIGNALS) }),
    async run({ call: id, signal: name }, { call, given, onFreeze }) {
      const found = await find(id, call);
      if ("stdout" in found) {
        sendSignal(found, name);
        return { result: {} };
      }
      using _ = shares.takeWord(found.guest, call.caller);
      // A second one could do more than the first one, so the next program does not send it again.
      onFreeze(() => ({}));
      const options = { ...optionsOf(call), id: call.id, resumed: givenResumed(given) };
      await signalOn(found.peer, { call: id, signal: name }, options);
      return { result: {} };
    },
  });
  const cancel = defineMethod({
    name: "cancel-call",
    isOpen: true,
    params: v.object({ call: KeptCallId, waits: v.optional(v.boolean(), true) }),
    async run({ call: id, waits }, { call }) {
      const found = await find(id, call);
      const ended = "stdout" in found ? cancelHere(found) : cancelThere(found, id, call);
      if (waits) return { result: await untilAborted(ended, call.signal) };
      ended.catch(() => undefined);
      return { result: {} };
    },
  });
  return [calls, attach, signal, cancel];
}

/** The call of the program before. Of a command that runs here, `attachTo` knows it. */
function givenResumed(given: unknown): Resumed | undefined {
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return given as Resumed | undefined;
}

type Find = (id: CallId, call: Pick<IncomingCall, "caller" | "signal">) => Promise<KeptCommand | OpenPeer>;

/**
 * Returns the search for a detached command. It resolves with the command that runs here, or the peer where
 * it runs, and waits for peers that connect. Rejects with `NO_CALL`, or with `NO_CHANNEL` if a peer does not
 * say whether the call is there.
 */
function createFind(
  { openPeers, closedPeers, kept, findMs = FIND_MS }: DetachedRelayOptions,
  list: Listings<OpenPeer, CallRow[] | undefined>,
): Find {
  return async (id, { caller, signal }) => {
    const own = isRoot(caller) ? kept.get(id) : undefined;
    if (own !== undefined) return own;
    const endMs = performance.now() + findMs;
    const silent: string[] = [];
    const look = async (open: OpenPeer): Promise<OpenPeer> => {
      const rows = await list(open, caller);
      if (rows === undefined) silent.push(nameOf(open));
      if (rows?.some((row) => row.id === id) !== true) throw noCall(id);
      return open;
    };
    const asked = new Map<string, Promise<OpenPeer>>();
    for (;;) {
      for (const open of openPeers()) if (!asked.has(nameOf(open))) asked.set(nameOf(open), look(open));
      const found = await Promise.any(asked.values()).catch(() => undefined);
      if (found !== undefined) return found;
      const missing = [
        ...silent,
        ...closedPeers()
          .map(nameOf)
          .filter((name) => !asked.has(name)),
      ];
      if (missing.length === 0) throw noCall(id);
      if (missing.length === silent.length || performance.now() >= endMs || signal.aborted)
        throw notFound(id, missing);
      await pause(CONNECT_STEP_MS, signal);
    }
  };
}

/** Returns the calls of a user at a peer, undefined if the peer does not answer in time. */
async function ask(
  { guest, peer }: OpenPeer,
  caller: CallerInfo | undefined,
  timeoutMs: number,
): Promise<CallRow[] | undefined> {
  if (!peer.can.messages) return [];
  const listing = listCallsOn(peer, { timeoutMs, ...(caller && { caller }) }).catch(() => undefined);
  if (!(await settlesWithin(listing, timeoutMs))) return undefined;
  return (await listing)
    ?.filter((call) => call.method === "execute" && isShown(call) && isOf(call, caller))
    .map((call) => ({ ...call, direction: "out", ...(guest !== undefined && { guest }) }));
}

/** Resolves with the answers, undefined for those that come long after the others. None rejects. */
async function takeAnswers<Answer>(asked: readonly Promise<Answer>[]): Promise<(Answer | undefined)[]> {
  const answers: (Answer | undefined)[] = asked.map(() => undefined);
  let count = 0;
  const all = Promise.all(
    asked.map(async (answer, index) => {
      answers[index] = await answer;
      count++;
    }),
  );
  for (let before = -1; before < count;) {
    before = count;
    if (await settlesWithin(all, QUIET_MS)) break;
  }
  return answers;
}

/** SIGTERM and five seconds later SIGKILL end a command, so a peer that lives answers in this time. */
const CANCEL_MS = 30_000;

function optionsOf({ caller, signal }: IncomingCall) {
  return { timeoutMs: CANCEL_MS, signal, ...(caller && { caller }) };
}

function describeOwn(command: KeptCommand): CallRow {
  return { ...describeKept(command), direction: "in", ...identifyGuest(command) };
}

function identifyGuest({ peer }: KeptCommand): { guest?: string } {
  const { guest } = identifyCaller(peer);
  return guest === undefined ? {} : { guest };
}

async function cancelHere(command: KeptCommand): Promise<ExecuteResult> {
  if (command.result !== undefined) throw hasEnded(command.id);
  command.cancel("the administrator cancelled it");
  return command.ended;
}

function sendSignal(command: KeptCommand, name: (typeof FORWARDED_SIGNALS)[number]): void {
  if (!command.signal(name)) throw hasEnded(command.id);
}

/** The result of an attached call has gone to its caller. */
function isShown({ state, isDetached }: ListedCall): boolean {
  return state === "running" || isDetached;
}

function isOf({ caller: owner }: ListedCall, caller: CallerInfo | undefined): boolean {
  return isRoot(caller) || (owner?.uid !== undefined && owner.uid === caller?.uid);
}

function isRoot(caller: CallerInfo | undefined): boolean {
  return caller?.uid === 0;
}

function nameOf({ guest }: Pick<OpenPeer, "guest">): string {
  return guest ?? "the host";
}

const MOST_NAMES = 5;

function notFound(id: CallId, silent: readonly string[]): NegotiatorError {
  const shown = silent.slice(0, MOST_NAMES).map((name) => `"${printable(name)}"`);
  const names = [
    ...shown,
    ...(silent.length > MOST_NAMES ? [`${silent.length - MOST_NAMES} more`] : []),
  ].join(", ");
  return new NegotiatorError(
    "NO_CHANNEL",
    `Cannot look for the detached call "${clipText(id)}": no answer from ${names}`,
    { remedy: "Try again. If the call runs there, it goes on" },
  );
}

function hasEnded(id: CallId): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", `The call "${clipText(id)}" has ended already`, {
    remedy: "See how with the subcommand attach, and its id",
  });
}
