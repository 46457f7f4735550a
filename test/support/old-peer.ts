/**
 * Owns a python-negotiator server that is as fragile as the original: it reads like C's stdio, serves one
 * call at a time, and dies of the same input as 0.12.2.
 */
import type { Channel } from "../../src/wire/channel.ts";
import { createOldDevice, readCount } from "./old-device.ts";
import { startServer } from "./old-server.ts";
import type { ServerOf, ServerOptionsOf } from "./old-server.ts";

export type { OldCommand } from "./old-server.ts";

/** A call as the original parses it. */
export type OldCall = { method: string; args: readonly unknown[]; kw: Record<string, unknown> };

/** The commands and the output of a server. */
export type OldServerOptions = ServerOptionsOf<OldCall>;

/** A server and its state. */
export type OldServer = ServerOf<OldCall>;

/** The start of our hello: its length, an empty line, its method. */
const BEFORE_HELLO = /(?<!\d)(?=\d+\n\n\{"method": ?"negotiate:)/;
const COMMANDS_DIRECTORY = "/usr/lib/negotiator/commands";
/** Public attributes of the original's channel object, which a peer can call as methods. */
const EXPOSED: ReadonlySet<string> = new Set([
  "prepare_environment",
  "read",
  "write",
  "raw_read",
  "raw_readline",
  "raw_write",
  "call_remote_method",
  "enter_main_loop",
  "retry_open",
]);

/** Creates a server that waits for its first call. */
export function createOldServer({ commands, write, work }: OldServerOptions): OldServer {
  const device = createOldDevice(write);
  const calls: OldCall[] = [];
  return startServer(device, calls, async () => {
    for (;;) {
      const count = readCount(await device.readLine());
      const call = readCall(await device.readBytes(count));
      calls.push(call);
      await work?.(call);
      await device.write(answer(call, commands));
    }
  });
}

/** Runs an old server at the far end of a channel until the channel ends. */
export function serveOldPeer(channel: Channel, options: Omit<OldServerOptions, "write">): OldServer {
  return serveAt(channel, (write) => createOldServer({ ...options, write }));
}

/**
 * Runs the server of `start` at the far end of a channel until the channel ends. A port returns the bytes of
 * two host clients in separate reads, while a socket joins them. So this splits the bytes before each hello.
 */
export function serveAt<Server extends Pick<OldServer, "receive">>(
  channel: Channel,
  start: (write: OldServerOptions["write"]) => Server,
): Server {
  const server = start((bytes) => channel.write(bytes).catch(() => undefined));
  void (async () => {
    for await (const bytes of channel) {
      const parts = Buffer.from(bytes).toString("latin1").split(BEFORE_HELLO);
      for (const part of parts) server.receive(Buffer.from(part, "latin1"));
    }
  })();
  return server;
}

function readCall(body: Uint8Array): OldCall {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  const request: (Partial<Omit<OldCall, "method">> & { method?: unknown }) | null = JSON.parse(text);
  if (typeof request !== "object" || request === null || Array.isArray(request))
    throw new Error("AttributeError: the request is not an object");
  const { method, args = [], kw = {} } = request;
  if (typeof method !== "string") throw new Error("KeyError: the request has no method");
  if (/[^ -~]/.test(method)) throw new Error("UnicodeEncodeError: the method's name is not ASCII");
  if (EXPOSED.has(method)) throw new Error(`The caller reached for ${method}`);
  return { method, args, kw };
}

function answer(
  { method, args, kw }: OldCall,
  commands: OldServerOptions["commands"],
): Record<string, unknown> {
  if (method === "list_commands") return { result: Object.keys(commands), success: true };
  if (method !== "execute") return failure(`Method ${method} not supported`);
  if (args.length === 0) return failure("tuple index out of range");
  if (!args.every((arg) => typeof arg === "string"))
    return failure("expected a string or other character buffer object");
  const [path = "", ...rest] = args;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const words =
    rest.length === 0
      ? ["bash", "-c", `${COMMANDS_DIRECTORY}/${name}`]
      : [`${COMMANDS_DIRECTORY}/${name}`, ...rest];
  const command = commands[name];
  const input = typeof kw["input"] === "string" ? kw["input"] : null;
  const { stdout = "", exit = 0, fault } = command?.(rest, input) ?? { exit: 127 };
  return fault === undefined ? finish(stdout, exit, words) : failure(fault);
}

function finish(
  stdout: string | Uint8Array,
  exit: number,
  words: readonly string[],
): Record<string, unknown> {
  const text = typeof stdout === "string" ? stdout : new TextDecoder().decode(stdout);
  const stripped = strip(text);
  if (exit === 0) return { result: stripped.includes("\n") ? text : stripped, success: true };
  const command = `\n\nCommand:\n${words.map(quote).join(" ")}`;
  const output = stripped === "" ? "" : `\n\nStandard output:\n${stripped}`;
  if (exit === 127) {
    const searchPath = "\n\nSearch path:\n['/usr/bin', '/bin']";
    return failure(`External command isn't available!${command}${searchPath}${output}`);
  }
  return failure(`External command failed with exit code ${exit}!${command}${output}`);
}

/** Strips ASCII blanks only: `trim` would also strip a byte order mark. */
function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && " \t\r\n".includes(text.charAt(start))) start++;
  while (end > start && " \t\r\n".includes(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

function failure(error: string): Record<string, unknown> {
  return { success: false, error };
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
