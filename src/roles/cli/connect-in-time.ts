/** Connects a command line to its peer, and gives up in time whatever the connection waits for. */
import type { CallTime } from "../../peers/call-time.ts";
import { LATE_MS } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Connect, PeerConnection } from "./peer-connection.ts";

/**
 * Rejects as `connect` does. Rejects with `NO_CHANNEL` a moment after the time is over, because `connect` can
 * explain better what it waited for. A connection that comes later is closed.
 */
export async function connectInTime(connect: Connect, time: CallTime): Promise<PeerConnection> {
  const limitMs = time.leftToConnect();
  const over = new AbortController();
  const connecting = connect({ time, signal: over.signal });
  if (limitMs === 0) return connecting;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => {
    void connecting.then((connection) => connection[Symbol.asyncDispose]()).catch(() => undefined);
    reject(notReached(limitMs));
  };
  const timers = [
    setTimeout(() => {
      over.abort(notReached(limitMs));
      // A machine that gave this process no time until now must leave `connect` the time to explain.
      timers.push(setTimeout(giveUp, LATE_MS.relay));
    }, limitMs),
  ];
  try {
    return await Promise.race([connecting, late]);
  } catch (thrown) {
    throw over.signal.aborted && NegotiatorError.from(thrown).code === "CANCELLED"
      ? notReached(limitMs)
      : thrown;
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function notReached(limitMs: number): NegotiatorError {
  const message = `Cannot reach the other side within ${Math.round(limitMs / 100) / 10} s`;
  return new NegotiatorError("NO_CHANNEL", message, {
    remedy: "See what stands still with status, or wait longer with --connect-timeout SECONDS",
  });
}
