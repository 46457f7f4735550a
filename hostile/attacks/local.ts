/** Attacks of a local user who may use the control socket. */
import { join } from "node:path";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { openControl, startCommand } from "../../bench/sessions.ts";
import { openCliSession } from "../../src/roles/cli/cli-session.ts";
import type { LocalAttack } from "../attack.ts";

const CONNECTIONS = 600;
const CALLS = 400;
const CALLS_OF_A_CONNECTION = 50;
const LEAVING_CLIENTS = 4;
const LEAVING_CLIENT = join(import.meta.dir, "../programs/leaving-client.ts");

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
  "leaving-clients": {
    kind: "local",
    what: `${LEAVING_CLIENTS} processes of one local user that connect and leave without a pause`,
    async start(control) {
      for (let count = 0; count < LEAVING_CLIENTS; count++) {
        // They end with the standard input that this process holds.
        const child = Bun.spawn([process.execPath, LEAVING_CLIENT, control], {
          stdin: "pipe",
          stdout: "pipe",
        });
        await child.stdout.getReader().read();
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
