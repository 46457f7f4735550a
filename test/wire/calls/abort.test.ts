/** A caller that leaves a call on its own side. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createServedLink } from "../../support/served-link.ts";
import { until } from "../../support/until.ts";

/** More than the credit that a reader gives at first. */
const OUTPUT = new Uint8Array(1_000_000);
const LATE = new NegotiatorError("TIMEOUT", "too late");

/** A callee that writes more than its caller reads, and answers at once or when the caller cancels. */
function serveOutput(when: "at once" | "when it is cancelled") {
  return (call: IncomingCall): void => {
    void call
      .writer("stdout")
      .write(OUTPUT)
      .catch(() => undefined);
    if (when === "at once") call.respond("done");
    else call.signal.addEventListener("abort", () => call.respond("done"));
  };
}

test.each<[string, Parameters<typeof serveOutput>[0], (call: OutgoingCall) => void]>([
  ["cancelled after its answer", "at once", (call) => call.cancel("enough")],
  ["aborted after its answer", "at once", (call) => call.abort(LATE)],
  [
    "cancelled and aborted before its answer",
    "when it is cancelled",
    (call) => {
      call.cancel("enough");
      call.abort(LATE);
    },
  ],
])("a call with unread output that is %s does not stay open at its callee", async (_, when, leave) => {
  await using link = createServedLink(serveOutput(when));
  const call = link.caller.call({ method: "execute", read: ["stdout"] });
  await until("output has come", () => call.receivedBytes > 0);
  if (when === "at once") await call.answer;
  leave(call);
  expect(await rejectionOf(call.over)).toMatchObject({ name: "NegotiatorError" });
  await until("the callee has closed the call", () => link.callee.incomingCount === 0, 3000);
});
