/** `signal-command` and `cancel-command`: for the callers of detached commands. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { FORWARDED_SIGNALS } from "../process/run.ts";
import { KeptCallId } from "./attach-command.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";
import type { KeptCommand } from "./kept/kept-command.ts";
import type { KeptCommands } from "./kept/kept-commands.ts";

/** Returns the method that sends a signal to a command and its children. */
export function createSignalCommand(kept: Pick<KeptCommands, "find">): Method {
  return defineMethod({
    name: "signal-command",
    isOpen: true,
    params: v.object({ call: KeptCallId, signal: v.picklist(FORWARDED_SIGNALS) }),
    async run({ call: id, signal }, { call, caller }) {
      const command = kept.find(id, { peer: caller, user: call.caller });
      if (!command.signal(signal)) throw hasEnded(command);
      return { result: {} };
    },
  });
}

/** Returns the method that ends a command: SIGTERM, and SIGKILL five seconds later. Waits for its end. */
export function createCancelCommand(kept: Pick<KeptCommands, "find">): Method {
  return defineMethod({
    name: "cancel-command",
    isOpen: true,
    params: v.object({ call: KeptCallId }),
    async run({ call: id }, { call, caller }) {
      const command = kept.find(id, { peer: caller, user: call.caller });
      if (command.result !== undefined) throw hasEnded(command);
      command.cancel("its user cancelled it");
      return { result: await command.ended };
    },
  });
}

function hasEnded({ id }: KeptCommand): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", `The call "${id}" has ended already`, {
    remedy: `See how: the subcommand attach, with this id`,
  });
}
