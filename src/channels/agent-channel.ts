/**
 * A channel to a QEMU guest agent whose socket another program holds, such as libvirt. That program passes
 * single requests on, and has synchronised with the agent itself. So a request to synchronise is answered
 * here: libvirt would drop an agent for the byte 0xFF before its answer.
 */
import { NegotiatorError } from "../errors.ts";
import type { Channel } from "../wire/channel.ts";
import { createCondition } from "./condition.ts";
import { closedError } from "./failure.ts";

/** Options of the channel. */
export type AgentChannelOptions = {
  label: string;
  /** Passes one request on. Resolves with the answer as one line. `signal` aborts when the channel closes. */
  ask: (request: string, signal: AbortSignal) => Promise<string>;
};

const RESET = 0xff;
const NEWLINE = 0x0a;

/** Creates the channel. Each write holds whole lines, each with one request. */
export function createAgentChannel({ label, ask }: AgentChannelOptions): Channel {
  const closed = new AbortController();
  const changed = createCondition();
  const answers: Uint8Array[] = [];

  const answer = async (line: Uint8Array): Promise<void> => {
    const request = new TextDecoder().decode(line[0] === RESET ? line.subarray(1) : line);
    const id = readSync(request);
    const text = id === undefined ? await ask(request, closed.signal) : JSON.stringify({ return: id });
    const bytes = new TextEncoder().encode(`${text}\n`);
    answers.push(id === undefined ? bytes : Buffer.concat([Uint8Array.of(RESET), bytes]));
    changed.notify();
  };

  return {
    label,
    async write(bytes) {
      for (let from = 0; from < bytes.length;) {
        if (closed.signal.aborted) throw closedError(label);
        const end = bytes.indexOf(NEWLINE, from);
        if (end === -1) throw new NegotiatorError("INTERNAL", "A request to the guest agent has no end");
        await answer(bytes.subarray(from, end));
        from = end + 1;
      }
    },
    async *[Symbol.asyncIterator]() {
      while (!closed.signal.aborted) {
        const next = answers.shift();
        if (next === undefined) await changed.wait();
        else yield next;
      }
    },
    close() {
      closed.abort(closedError(label));
      changed.notify();
      return Promise.resolve();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

/** Returns the id of a request to synchronise; undefined for any other request. */
function readSync(request: string): unknown {
  const { execute, arguments: given }: SyncRequest = JSON.parse(request);
  return execute === "guest-sync-delimited" ? given?.id : undefined;
}

/** The requests are our own, so their form is known. */
type SyncRequest = { execute: string; arguments?: { id?: unknown } };
