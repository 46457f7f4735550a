/**
 * Owns an agent of python-negotiator 0.1 that is as fragile as the original: it turns back every command that
 * it does not know, and reports a failed command by a request too.
 */
import { createOldDevice, readCount } from "./old-device.ts";
import { startServer } from "./old-server.ts";
import type { OldCommand, ServerOf, ServerOptionsOf } from "./old-server.ts";

/** A request as the original parses it. */
export type OldestCall = { command: string; args: readonly unknown[]; kw: Record<string, unknown> };

/** The commands and the output of an agent. `find_…` are the methods of the original. */
export type OldestServerOptions = ServerOptionsOf<OldestCall>;

/** An agent and its state. */
export type OldestServer = ServerOf<OldestCall>;

/** The results of the methods that need no arguments. */
const FOUND: Readonly<Record<string, unknown>> = {
  find_distributor_id: "Ubuntu",
  find_distribution_release: "12.04",
  find_distribution_codename: "precise",
  find_ip_addresses: ["127.0.0.1/8", "192.0.2.2/24"],
};
/** Public attributes of the original's agent object, which a peer can call as methods. */
const EXPOSED: ReadonlySet<string> = new Set([
  "raw_read",
  "raw_readline",
  "raw_write",
  "read",
  "write",
  "enter_main_loop",
  "conn_handle",
  "conn_label",
]);

/** Creates an agent that waits for its first request. */
export function createOldestServer({ commands, write, work }: OldestServerOptions): OldestServer {
  const device = createOldDevice(write);
  const calls: OldestCall[] = [];
  let isServing = false;

  const read = async (): Promise<unknown> => {
    let line = await device.readLine();
    while (line.trim() === "") line = await device.readLine();
    const body = await device.readBytes(readCount(line));
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  };
  /** A method that does not exist calls the other side. */
  const turnBack = async (command: string, args: readonly unknown[], kw: object): Promise<unknown> => {
    await device.write({ keyword_arguments: kw, command, arguments: args });
    const response = await read();
    if (typeof response !== "object" || response === null) throw new Error("TypeError: not subscriptable");
    if (!("success" in response)) throw new Error("'success'");
    if (response.success !== false && !("result" in response)) throw new Error("'result'");
    if (response.success !== false && "result" in response) return response.result;
    throw new Error(String("error" in response ? response.error : "'error'"));
  };
  const report = (error: string): Promise<unknown> => turnBack("send", [{ success: false, error }], {});
  const run = async (call: OldestCall): Promise<unknown> => {
    const { command, args, kw } = call;
    if (command !== "execute" && !(command in FOUND)) return turnBack(command, args, kw);
    await work?.(call);
    return command === "execute" ? execute(args, commands) : FOUND[command];
  };
  const serve = async (): Promise<never> => {
    for (;;) {
      isServing = false;
      const request = await read();
      isServing = true;
      const call = readCall(request);
      calls.push(call);
      if (call.command.startsWith("_")) await report(`Command ${call.command} not supported`);
      else {
        try {
          await device.write({ result: await run(call), success: true });
        } catch (thrown) {
          await report(thrown instanceof Error ? thrown.message : String(thrown));
        }
      }
    }
  };

  return startServer(device, calls, serve, () => isServing);
}

function readCall(request: unknown): OldestCall {
  if (typeof request !== "object" || request === null || Array.isArray(request))
    throw new Error("AttributeError: the request is not an object");
  const found: { command?: unknown; arguments?: unknown[]; keyword_arguments?: Record<string, unknown> } =
    request;
  const { command, arguments: args = [], keyword_arguments: kw = {} } = found;
  if (typeof command !== "string") throw new Error("TypeError: the name of the attribute is not a string");
  if (/[^ -~]/.test(command)) throw new Error("UnicodeEncodeError: the command's name is not ASCII");
  if (EXPOSED.has(command)) throw new Error(`The caller reached for ${command}`);
  return { command, args, kw };
}

/** The texts are those of the library `executor` in 2014. */
function execute(args: readonly unknown[], commands: OldestServerOptions["commands"]): string {
  const words = args.map(String);
  const [name = "", ...rest] = words;
  const { stdout = "", exit = 0, fault } = commands[name]?.(rest, null) ?? missing(words);
  if (fault !== undefined) throw new Error(fault);
  const shown = words.length === 1 ? `bash -c ${name}` : words.join(" ");
  if (exit !== 0) throw new Error(`External command failed with exit code ${exit}! (command: ${shown})`);
  const text = typeof stdout === "string" ? stdout : new TextDecoder().decode(stdout);
  return text.trim().includes("\n") ? text : text.trim();
}

function missing({ length }: readonly string[]): ReturnType<OldCommand> {
  return length === 1 ? { exit: 127 } : { fault: "[Errno 2] No such file or directory" };
}
