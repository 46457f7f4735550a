/** Owns a caller and a callee in one process, with their sessions joined in memory. */
import { createMemoryPair } from "./memory-channel.ts";
import { createLink } from "../../src/peers/link.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import type { Session } from "../../src/wire/session/session.ts";

/** Both sessions. Disposal cuts the channel between them. */
export type ServedLink = AsyncDisposable & { readonly caller: Session; readonly callee: Session };

let ids = 0;

/** Creates two open sessions; `onCall` and `onNotice` get the calls and notices of the callee. */
export function createServedLink(
  onCall: (call: IncomingCall) => void | Promise<void>,
  onNotice: (method: string, params: unknown) => void = () => {},
): ServedLink {
  const pair = createMemoryPair();
  pair.flow();
  const open = (side: "dialler" | "listener") =>
    createLink({
      side,
      agent: { name: "test", version: "1", role: side },
      makeId: () => `test-id-${++ids}`,
      onCall: (call) => void onCall(call),
      onNotice,
    });
  const links = { dialler: open("dialler"), listener: open("listener") };
  const running = [links.dialler.run(pair.ends[0]), links.listener.run(pair.ends[1])];
  return {
    caller: links.dialler.session,
    callee: links.listener.session,
    async [Symbol.asyncDispose]() {
      pair.cut();
      await Promise.allSettled(running);
    },
  };
}
