/** Refused calls count in the quota of their peer, and others do not. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import type { FaultCode } from "../../src/errors.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import type { Unneeded } from "../../src/peers/unneeded-quota.ts";
import { createShare } from "../../src/peers/fair-reader.ts";
import { countRefused } from "../../src/peers/refused-calls.ts";
import { createOpenListener } from "../wire/session/scripted-peer.ts";

/** Serves one call with these parameters. Returns what was counted: milliseconds of the quota and in vain. */
function serveOne(answer: (call: IncomingCall) => void, params: unknown = {}) {
  const counted: number[] = [];
  const vain: number[] = [];
  const share = createShare();
  const take = ({ refusedMs = 0 }: Partial<Unneeded>): number => {
    counted.push(refusedMs);
    return 0;
  };
  const serve = countRefused(
    { call: answer, notice: () => undefined },
    {
      ...share,
      quota: { ...share.quota, take },
      turns: { ...share.turns, countVain: (ms) => void vain.push(ms) },
      calls: { read: 1, readMs: 3 },
    },
  );
  const peer = createOpenListener();
  peer.count({ id: "call", method: "x", params });
  peer.calls.forEach(serve.call);
  return { peer, serve, counted, vain };
}

test.each<FaultCode>(["BAD_REQUEST", "UNKNOWN_METHOD", "DENIED", "NO_COMMAND", "BUSY", "TOO_LARGE"])(
  "a call that fails with %s counts, and is answered",
  (code) => {
    const { peer, counted, vain } = serveOne((call) => call.fail(new NegotiatorError(code, "no")));
    expect(counted).toHaveLength(1);
    expect(vain).toEqual(counted);
    // It took 3 ms to read the call, and a refusal takes one.
    expect(counted[0]).toBeGreaterThanOrEqual(4);
    expect(peer.drain()).toContainEqual(expect.objectContaining({ id: "call", error: expect.anything() }));
  },
);

test("a call that is answered, or fails after it has run, does not count", () => {
  expect(serveOne((call) => call.respond("done")).counted).toEqual([]);
  for (const code of ["TIMEOUT", "CANCELLED", "INTERNAL"] as const)
    expect(serveOne((call) => call.fail(new NegotiatorError(code, "no"))).counted).toEqual([]);
});

test("each 10,000 bytes of the parameters of a refused call count one millisecond", () => {
  const { counted } = serveOne((call) => call.fail(new NegotiatorError("DENIED", "no")), "x".repeat(250_000));
  expect(counted[0]).toBeGreaterThanOrEqual(4 + 25);
});

test("a call that a limit of the session has refused counts", () => {
  const { serve, counted } = serveOne((call) => call.respond("done"));
  serve.refused?.({ method: "x", error: new NegotiatorError("BUSY", "no") });
  expect(counted).toHaveLength(1);
});
