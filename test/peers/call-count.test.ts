/** The count of the calls of one peer, in each direction. */
import { expect, test } from "bun:test";
import { createCallCount } from "../../src/peers/call-count.ts";
import type { Peer, PeerCall } from "../../src/peers/peer.ts";
import { NegotiatorError } from "../../src/errors.ts";

const CAN = { methods: undefined, notices: true, messages: true };

test("calls that begin at the peer count, and refused calls and notices do not", () => {
  const notices: unknown[] = [];
  const calls: unknown[] = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const made = {} as PeerCall;
  const peer: Peer = {
    can: CAN,
    call(...words) {
      if (words[0] === "refused") throw new NegotiatorError("UNSUPPORTED", "no");
      calls.push(words);
      return made;
    },
    notify: (...words) => void notices.push(words),
  };
  const count = createCallCount();
  expect(count.countOutgoing(undefined)).toBeUndefined();
  const counted = count.countOutgoing(peer);
  expect(counted.can).toBe(CAN);
  const options = { timeoutMs: 0 };
  expect(counted.call("status", { a: 1 }, options)).toBe(made);
  expect(() => counted.call("refused", {}, options)).toThrow("no");
  counted.notify("changed", 5);
  expect([calls, notices]).toEqual([[["status", { a: 1 }, options]], [["changed", 5]]]);
  expect(count.begun).toEqual({ outgoing: 1, incoming: 0 });
});
