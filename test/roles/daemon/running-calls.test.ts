/** The calls that run in a daemon are counted, and starts are refused while it stops. */
import { expect, test } from "bun:test";
import type { NegotiatorError } from "../../../src/errors.ts";
import type { Dispatcher } from "../../../src/methods/dispatcher.ts";
import type { Serve } from "../../../src/methods/serve.ts";
import { createRunningCalls } from "../../../src/roles/daemon/running-calls.ts";
import type { RunningCalls } from "../../../src/roles/daemon/running-calls.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";

type Watched = {
  running: RunningCalls;
  serve: Serve;
  /** Ends the call or notice that began as the next one. */
  endNext: () => void;
  firsts: () => number;
  refused: NegotiatorError[];
};

function watch(role: "host" | "guest" = "guest"): Watched {
  const ends: (() => void)[] = [];
  const refused: NegotiatorError[] = [];
  let firsts = 0;
  const begin = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.push(resolve);
    return promise;
  };
  const running = createRunningCalls(role, () => firsts++);
  const dispatcher: Dispatcher = {
    call: begin,
    notice: begin,
    refused: ({ error }) => void refused.push(error),
  };
  const serve = running.track(dispatcher);
  return { running, serve, endNext: () => ends.shift()?.(), firsts: () => firsts, refused };
}

function call(method: string): { incoming: IncomingCall; failures: NegotiatorError[] } {
  const failures: NegotiatorError[] = [];
  const fail = (error: NegotiatorError): void => void failures.push(error);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the count uses no other member
  return { incoming: { method, fail } as IncomingCall, failures };
}

test("calls and notices count until they end", async () => {
  const { running, serve, endNext } = watch();
  expect(running.count).toBe(0);
  serve.call(call("execute").incoming);
  serve.notice({ method: "x", params: {} });
  expect(running.count).toBe(2);
  const ended = running.ended();
  endNext();
  endNext();
  await ended;
  expect(running.count).toBe(0);
  await running.ended();
});

test("ended waits for every call that runs, not only for the first one", async () => {
  const { running, serve, endNext } = watch();
  const steps: string[] = [];
  serve.call(call("info").incoming);
  serve.call(call("info").incoming);
  const ended = running.ended().then(() => steps.push("ended"));
  endNext();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expect(running.count).toBe(1);
  steps.push("last");
  endNext();
  await ended;
  expect(steps).toEqual(["last", "ended"]);
});

test("only the first call of all is reported as the first", () => {
  const { serve, firsts } = watch();
  expect(firsts()).toBe(0);
  serve.call(call("info").incoming);
  serve.notice({ method: "x", params: {} });
  serve.call(call("info").incoming);
  expect(firsts()).toBe(1);
});

test.each(["execute", "guest-exec"])("%s is refused with BUSY while the daemon stops", (method) => {
  const { running, serve, firsts, refused } = watch();
  running.refuseStarts();
  const { incoming, failures } = call(method);
  serve.call(incoming);
  expect(failures).toMatchObject([
    { code: "BUSY", message: expect.stringContaining("The guest's daemon stops, and takes no new calls\n") },
  ]);
  expect(refused).toEqual(failures);
  expect([running.count, firsts()]).toEqual([0, 0]);
});

test("a call that starts nothing is served while the daemon stops, and the host names itself", () => {
  const { running, serve, refused } = watch("host");
  running.refuseStarts();
  serve.call(call("cancel-call").incoming);
  serve.notice({ method: "execute", params: {} });
  expect([running.count, refused.length]).toEqual([2, 0]);
  serve.call(call("execute").incoming);
  expect(refused[0]?.message).toStartWith("The host's daemon stops");
});
