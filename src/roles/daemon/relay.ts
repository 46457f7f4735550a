/** The methods of a control socket: what local users ask the daemon to ask its peer. */
import * as v from "valibot";
import { countDown } from "../../delay.ts";
import { ExecuteParams } from "../../methods/execute.ts";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { untilAborted } from "../../abort.ts";
import type { Peer } from "../../peers/peer.ts";
import { pipeCommand } from "./pipe-command.ts";

const Target = { guest: v.exactOptional(v.string()) };

/** Gives whom a call is for: the guest of that name on a host, the host on a guest. It may take up to `timeoutMs`, or until `signal`. */
type PeerOf = (guest: string | undefined, timeoutMs: number, signal: AbortSignal) => Promise<Peer>;

export function createRelay(peerOf: PeerOf): Method[] {
  /** A caller that gives up does not wait for a guest that says nothing. */
  const reach: PeerOf = (guest, timeoutMs, signal) => untilAborted(peerOf(guest, timeoutMs, signal), signal);

  const execute = defineMethod({
    name: "execute",
    isOpen: true,
    params: v.object({ ...Target, ...ExecuteParams.entries }),
    resource: ({ command, args }) => ({ kind: "command", name: command, args }),
    target: ({ guest }) => (guest === undefined ? {} : { guest }),
    async run({ guest, command, args }, { call }) {
      const hasInput = call.streams.read.includes("stdin");
      const left = countDown(call.timeoutMs ?? 0);
      const startMs = performance.now();
      const peer = await reach(guest, left(), call.signal);
      const waitedMs = performance.now() - startMs;
      const remote = peer.execute({ callId: call.id, command, args, hasInput, timeoutMs: left() });
      const { durationMs, ...audit } = await pipeCommand(call, remote);
      // To the caller it has taken as long as its deadline counts.
      return { result: { ...audit, durationMs: waitedMs + durationMs }, audit };
    },
  });
  const list = defineMethod({
    name: "list-commands",
    isOpen: true,
    params: v.object(Target),
    async run({ guest }, { call }) {
      const left = countDown(call.timeoutMs ?? 0);
      const peer = await reach(guest, left(), call.signal);
      return { result: { commands: await peer.listCommands(left()) } };
    },
  });
  return [execute, list];
}
