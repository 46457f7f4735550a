/** A command line's connection to a peer over its own channel. */
import { expect, test } from "bun:test";
import { untilAborted } from "../../../src/abort.ts";
import { startCall } from "../../../src/peers/call-time.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import { connectDirectly } from "../../../src/roles/cli/peer-connection.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";
import { rejectionOf } from "../../support/error-of.ts";

test("disposing a connection in a foreign dialect rejects its running call with CLOSED", async () => {
  const port = createDialectTable([MADE_UP]).portUse("made-up.to-host");
  if (port === undefined) throw new Error("the table does not know the port");
  const connection = await connectDirectly({
    role: "guest",
    limits: {},
    port,
    open: (signal) => untilAborted(Promise.withResolvers<never>().promise, signal),
    time: startCall({ timeoutMs: 0, connectTimeoutMs: 0 }),
    explainNoAnswer: () => new NegotiatorError("NO_CHANNEL", "no answer"),
  });
  const request = { command: "x", args: [], hasInput: false, timeoutMs: 0 };
  const ended = rejectionOf(executeOn(connection.peer, request).ended);
  await connection[Symbol.asyncDispose]();
  expect(await ended).toMatchObject({ code: "CLOSED", message: "The command line has ended" });
});
