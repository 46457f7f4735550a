/** The methods of the control socket that ask a guest for facts, freeze it, thaw it and shut it down. */
import * as v from "valibot";
import { untilAborted } from "../../abort.ts";
import { defineMethod } from "../../methods/method.ts";
import type { CallContext, Method } from "../../methods/method.ts";
import { startCall } from "../../peers/call-time.ts";
import { askFacts, setFrozen, SHUTDOWN_MODES, shutDown } from "../../peers/guest-words.ts";
import type { Peer } from "../../peers/peer.ts";
import type { PeerShares } from "../daemon/peer-shares.ts";
import type { PeerOf } from "../daemon/relay.ts";

const Target = {
  guest: v.string(),
  connectTimeoutMs: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
};
type Given = { guest: string; connectTimeoutMs?: number };
type Limits = Parameters<typeof askFacts>[1];

const target = ({ guest }: Given): Given => ({ guest });

/** Creates the methods, which call the guest that `peerOf` finds. */
export function createGuestMethods(peerOf: PeerOf, shares: Pick<PeerShares, "takeWord">): Method[] {
  const askGuest = async <Answer>(
    { guest, connectTimeoutMs = 0 }: Given,
    { call: { signal, caller }, leftMs }: CallContext,
    ask: (peer: Peer, limits: Limits) => Promise<Answer>,
  ): Promise<Answer> => {
    using _ = shares.takeWord(guest, caller);
    const time = startCall({ timeoutMs: leftMs() ?? 0, connectTimeoutMs });
    const peer = await untilAborted(peerOf(guest, time.leftToConnect(), signal), signal);
    const limits = { timeoutMs: time.left(), connectTimeoutMs: time.leftToConnect(), signal };
    return await ask(peer, caller === undefined ? limits : { ...limits, caller });
  };
  return [
    defineMethod({
      name: "guest-info",
      isOpen: true,
      params: v.object(Target),
      target,
      run: async (given, context) => ({ result: await askGuest(given, context, askFacts) }),
    }),
    ...(["freeze", "thaw"] as const).map((word) =>
      defineMethod({
        name: word,
        params: v.object(Target),
        target,
        async run(given, context) {
          await context.begin();
          const count = await askGuest(given, context, (peer, limits) => setFrozen(peer, word, limits));
          return { result: { count } };
        },
      }),
    ),
    defineMethod({
      name: "shutdown",
      params: v.object({ ...Target, mode: v.picklist(SHUTDOWN_MODES) }),
      target,
      async run({ mode, ...given }, context) {
        await context.begin();
        await askGuest(given, context, (peer, limits) => shutDown(peer, mode, limits));
        return { result: {} };
      },
    }),
  ];
}
