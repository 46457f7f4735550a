/**
 * A client that connects to the unix socket of its first argument, and leaves at once, until its standard
 * input ends. Prints `ready` when it has begun.
 */
import { closeSync, writeSync } from "node:fs";
import { EVENTS } from "../../src/process/descriptor-watch.ts";
import { connectNow } from "../../src/process/libc-socket.ts";
import { pollNow } from "../../src/process/libc.ts";

const READY = 1000;
const [, , path = ""] = process.argv;
const address = new TextEncoder().encode(path);
for (let count = 0; (pollNow(0, EVENTS.IN) & EVENTS.HUP) === 0; count++) {
  const connection = connectNow(address);
  if (typeof connection === "number") closeSync(connection);
  if (count === READY) writeSync(1, "ready\n");
}
