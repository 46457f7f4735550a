/** Counts the calls of one peer in each direction, over all its links and dialects. */
import type { Serve } from "../methods/serve.ts";
import type { Peer } from "./peer.ts";

/** How many calls have begun: ours at the peer, and the peer's here. */
export type CallCount = {
  readonly begun: { readonly outgoing: number; readonly incoming: number };
  /** Returns the peer, if there is one; its calls count. */
  countOutgoing(peer: Peer): Peer;
  countOutgoing(peer: Peer | undefined): Peer | undefined;
  /** Returns the service; the calls that it gets count. */
  countIncoming(serve: Serve): Serve;
};

/** Creates a count of 0. */
export function createCallCount(): CallCount {
  const begun = { outgoing: 0, incoming: 0 };
  function countOutgoing(peer: Peer): Peer;
  function countOutgoing(peer: Peer | undefined): Peer | undefined;
  function countOutgoing(peer: Peer | undefined): Peer | undefined {
    if (peer === undefined) return undefined;
    return {
      can: peer.can,
      call(method, params, options) {
        const call = peer.call(method, params, options);
        begun.outgoing++;
        return call;
      },
      notify: (name, params) => peer.notify(name, params),
    };
  }
  return {
    begun,
    countOutgoing,
    countIncoming: (serve) => ({
      ...serve,
      call(call) {
        begun.incoming++;
        serve.call(call);
      },
    }),
  };
}
