/** Owns a hostile guest: it answers the host's hello correctly, and then sends any bytes for the test. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { createCondition } from "../../src/channels/condition.ts";
import { encodeWelcome, PROTOCOL_VERSIONS } from "../../src/wire/session/handshake.ts";
import { isJsonObject } from "../../src/wire/json.ts";
import type { JsonObject } from "../../src/wire/json.ts";
import { until } from "./until.ts";

/** A guest at its end of a port. Disposal disconnects it. */
export type HostileGuest = Disposable & {
  readonly socket: Socket;
  /** How many hellos the host has sent. */
  hellos(): number;
  /** Waits for the host's first message with that method, or the one after `before` others. */
  heard(method: string, before?: number): Promise<JsonObject>;
  /** Writes any bytes, and waits while the port is full. */
  raw(bytes: Uint8Array | string): Promise<void>;
  /** Formats a JSON-RPC message. */
  line(members: JsonObject): string;
  /** Formats a numbered message, with the next `seq`. */
  counted(members: JsonObject): string;
};

/** Connects to the guest's end of a port and answers every hello. */
export async function createHostileGuest(path: string): Promise<HostileGuest> {
  const socket = connect(path);
  await once(socket, "connect");
  const bell = createCondition();
  socket.setMaxListeners(100);
  socket
    .on("error", () => undefined)
    .on("drain", () => bell.notify())
    .on("close", () => bell.notify());
  const heard: JsonObject[] = [];
  let hellos = 0;
  let seq = 0;
  let rest = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const message of lines.flatMap(parse)) {
      heard.push(message);
      if (typeof message["method"] === "string" && message["method"].startsWith("negotiate:")) greet(message);
    }
  });
  const greet = ({ id, params }: JsonObject): void => {
    hellos++;
    seq = 0;
    const session = isJsonObject(params) && isJsonObject(params["session"]) ? params["session"]["id"] : "";
    const welcome = {
      version: PROTOCOL_VERSIONS.max,
      capabilities: [],
      agent: { name: "hostile", version: "6.6.6", role: "guest" },
      session: { id: String(session), instance: `evil-${hellos}`, received: 0 },
      limits: { lineBytes: 1024 * 1024 },
    };
    socket.write(encodeWelcome(String(id), welcome));
  };
  return {
    socket,
    hellos: () => hellos,
    heard: (method, before = 0) =>
      until(
        `the host sends ${method}`,
        () => heard.filter((message) => message["method"] === method)[before],
      ),
    async raw(bytes) {
      const ready = bell.wait();
      if (!socket.destroyed && !socket.write(bytes)) await ready;
    },
    line: formatLine,
    counted: (members) => formatLine({ seq: ++seq, ...members }),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function formatLine(members: JsonObject): string {
  return `${JSON.stringify({ jsonrpc: "2.0", ...members })}\n`;
}

function parse(line: string): JsonObject[] {
  if (!line.startsWith("{")) return [];
  const value: unknown = JSON.parse(line);
  return isJsonObject(value) ? [value] : [];
}
