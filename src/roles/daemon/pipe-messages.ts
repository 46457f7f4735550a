/** Passes the messages inside a relayed command on, in both directions. */
import { isJsonObject } from "../../wire/json.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";

/** These signals end a command that does not handle them, so a peer without signals gets a cancel. */
const ENDING_SIGNALS: ReadonlySet<unknown> = new Set(["SIGINT", "SIGTERM"]);

/** Passes messages on. At a peer without messages, SIGINT and SIGTERM cancel the command. */
export function pipeMessages(call: IncomingCall, remote: RemoteCommand): void {
  remote.listen((name, value) => call.send(name, value));
  call.listen((name, value) => {
    if (remote.takesMessages) return remote.send(name, value);
    const signal = name === "signal" && isJsonObject(value) ? value["signal"] : undefined;
    if (ENDING_SIGNALS.has(signal)) remote.cancel(`interrupted by ${String(signal)}`);
  });
}
