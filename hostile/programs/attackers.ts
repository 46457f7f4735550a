/**
 * Attackers in one process. Words: `guest DIRECTORY NAME...` listens at `DIRECTORY/N.calling` and
 * `DIRECTORY/N.back`, one guest for each name of an attack; `local CONTROL GUEST NAME UID` attacks as that
 * user. Prints `ready` when it has begun, and then `sent BYTES` again and again.
 */
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { ATTACKS } from "../attacks.ts";
import type { Formatter, GuestAttack } from "../attack.ts";
import { drained } from "../drained.ts";
import { encodeWelcome, PROTOCOL_VERSIONS } from "../../src/wire/session/handshake.ts";

const REPORT_MS = 200;
let sentBytes = 0;
let sessions = 0;

const [kind = "", ...words] = process.argv.slice(2);
await (kind === "local" ? attackLocally(words) : attackAsGuests(words));
process.stdout.write("ready\n");
setInterval(() => process.stdout.write(`sent ${sentBytes}\n`), REPORT_MS);

async function attackLocally([control = "", guest = "", name = "", uid = ""]: string[]): Promise<void> {
  // Its group stays, so it may use the control socket.
  process.setuid?.(Number(uid));
  const attack = ATTACKS[name];
  if (attack?.kind === "local") await attack.start(control, guest);
}

async function attackAsGuests([directory = "", ...names]: string[]): Promise<void> {
  for (const [index, name] of names.entries()) {
    const attack = ATTACKS[name];
    if (attack?.kind !== "guest") throw new Error(`no attack of guests is called "${name}"`);
    for (const port of ["calling", "back"] as const) {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy()).on("end", () => socket.destroy());
        if (attack.port === port) void carryOut(attack, socket);
        else socket.resume();
      });
      server.listen(`${directory}/${index}.${port}`);
      await once(server, "listening");
    }
  }
}

/** Sends without end. A slow reader makes it wait, as a full port makes a guest wait. */
async function carryOut(attack: GuestAttack, socket: Socket): Promise<void> {
  if (attack.port === "calling") await greet(socket, attack.opens);
  if (attack.reads) socket.on("data", () => undefined);
  else socket.pause();
  const format = createFormatter();
  while (!socket.destroyed && socket.writable) {
    const piece = attack.next(format);
    sentBytes += piece.length;
    const isTaken = socket.write(piece);
    if (attack.hangsUp === true) return void socket.end();
    if (isTaken) await new Promise(setImmediate);
    else await drained(socket);
  }
}

/** Waits for the host's hello, and answers it if the attack opens a session. */
function greet(socket: Socket, opens: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let text = "";
  const read = (bytes: Uint8Array): void => {
    text += Buffer.from(bytes).toString();
    const hello = /"method":\s*"negotiate:([^"]+)".*"session":\s*\{\s*"id":\s*"([^"]+)"/s.exec(text);
    if (hello === null) return;
    socket.off("data", read);
    const [, nonce = "", id = ""] = hello;
    const welcome = {
      version: PROTOCOL_VERSIONS.max,
      capabilities: [],
      agent: { name: "hostile", version: "6.6.6", role: "guest" },
      session: { id, instance: `evil-${sessions++}`, received: 0 },
      limits: { lineBytes: 1024 * 1024 },
    };
    if (opens) socket.write(encodeWelcome(nonce, welcome));
    resolve();
  };
  socket.on("data", read);
  return promise;
}

function createFormatter(): Formatter {
  let seq = 0;
  return { line: formatLine, numbered: (members) => formatLine({ seq: ++seq, ...members }) };
}

function formatLine(members: object): string {
  return `${JSON.stringify({ jsonrpc: "2.0", ...members })}\n`;
}
