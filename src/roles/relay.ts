/** The methods of a control socket: what local users ask the daemon to ask its peer. */
import * as v from "valibot";
import { ExecuteParams } from "../methods/execute.ts";
import { defineMethod } from "../methods/method.ts";
import type { Method } from "../methods/method.ts";
import { untilAborted } from "../peers/deadline.ts";
import type { Peer } from "../peers/peer.ts";
import type { IncomingCall } from "../wire/incoming-call.ts";
import { splice } from "./splice.ts";

const Target = { guest: v.exactOptional(v.string()) };

/** Gives whom a call is for: the guest of that name on a host, the host on a guest. It may take up to `timeoutMs`. */
type PeerOf = (guest: string | undefined, timeoutMs: number) => Promise<Peer>;

export function createRelay(peerOf: PeerOf): Method[] {
  /** A caller that gives up does not wait for a guest that says nothing. */
  const reach = (guest: string | undefined, { timeoutMs = 0, signal }: IncomingCall): Promise<Peer> =>
    untilAborted(peerOf(guest, timeoutMs), signal);

  const execute = defineMethod({
    name: "execute",
    isOpen: true,
    params: v.object({ ...Target, ...ExecuteParams.entries }),
    subject: ({ guest, command, args }) => ({ command, args, peer: guest === undefined ? {} : { guest } }),
    async run({ guest, command, args }, { call }) {
      const hasInput = call.streams.read.includes("stdin");
      const timeoutMs = call.timeoutMs ?? 0;
      const peer = await reach(guest, call);
      const remote = peer.execute({ callId: call.id, command, args, hasInput, timeoutMs });
      const result = await splice(call, remote);
      const { durationMs: _, ...outcome } = result;
      return { result, outcome };
    },
  });
  const list = defineMethod({
    name: "list-commands",
    isOpen: true,
    params: v.object(Target),
    async run({ guest }, { call }) {
      const peer = await reach(guest, call);
      return { result: { commands: await peer.listCommands(call.timeoutMs ?? 0) } };
    },
  });
  return [execute, list];
}
