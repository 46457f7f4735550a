/** Owns the host program of python-negotiator 0.1: it sends one request, and prints the response. */
import type { Channel } from "../../src/wire/channel.ts";
import { createOldClient, frame } from "./old-client.ts";

/** A host program over one channel. */
export type OldestClient = {
  /** Calls a method and returns its result. Rejects with the error text of the response. */
  call(command: string, args?: readonly unknown[], kw?: Record<string, unknown>): Promise<unknown>;
  /** Returns the text that the options -d, -r, -c and -i print; the argument is the method's name. */
  find(method: string): Promise<string>;
  /** Returns the text that the option -e prints. */
  execute(...words: readonly string[]): Promise<string>;
  /** Writes any bytes. */
  send(bytes: string | Uint8Array): Promise<void>;
  close(): Promise<void>;
};

/** Creates a host program that reads and writes `channel`. */
export function createOldestClient(channel: Channel): OldestClient {
  const client = createOldClient(channel);
  const call: OldestClient["call"] = async (command, args = [], kw = {}) => {
    await client.send(frame({ keyword_arguments: kw, command, arguments: args }));
    const response = Object(await client.answer());
    if (!("success" in response)) throw new Error("KeyError: 'success'");
    if (response.success) return response.result;
    throw new Error(response.error);
  };
  return {
    call,
    async find(method) {
      const result = await call(method);
      if (!Array.isArray(result)) return `${String(result)}\n`;
      // The original asks a second time for a list.
      return `${Object(await call("find_ip_addresses")).join("\n")}\n`;
    },
    execute: async (...words) => `${String(await call("execute", words, { capture: true }))}\n`,
    send: (bytes) => client.send(bytes),
    close: () => client.close(),
  };
}
