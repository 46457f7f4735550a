/** Attacks of a local user who may use the control socket. */
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { openControl, startCommand } from "../../bench/sessions.ts";
import { openCliSession } from "../../src/roles/cli/cli-session.ts";
import type { LocalAttack } from "../attack.ts";

const CONNECTIONS = 600;
const CALLS = 400;
const CALLS_OF_A_CONNECTION = 50;

/** The attacks by name. */
export const LOCAL_ATTACKS = {
  "local-connections": {
    kind: "local",
    what: `${CONNECTIONS} connections of one local user`,
    async start(control) {
      for (let count = 0; count < CONNECTIONS; count++) {
        // A refused connection is what it is about, and the others stay.
        const channel = await dialSocket(control).catch(() => undefined);
        if (channel !== undefined) openCliSession("host", channel);
      }
    },
  },
  "local-calls": {
    kind: "local",
    what: `${CALLS} calls of one local user to a guest that does not answer`,
    async start(control, silentGuest) {
      for (let count = 0; count < CALLS; count += CALLS_OF_A_CONNECTION) {
        const opened = await openControl(control, silentGuest).catch(() => undefined);
        if (opened === undefined) continue;
        for (let call = 0; call < CALLS_OF_A_CONNECTION; call++)
          startCommand(opened.peer, "x").ended.catch(() => undefined);
      }
    },
  },
} as const satisfies Record<string, LocalAttack>;
