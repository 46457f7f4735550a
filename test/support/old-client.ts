/**
 * Owns a python-negotiator client: it sends one request and reads one answer, like the original's command
 * lines.
 */
import type { Channel } from "../../src/wire/channel.ts";

/** A client over one channel. */
export type OldClient = {
  /** Calls a method and returns the answer. Rejects if the channel ends before it. */
  call(method: string, args?: readonly unknown[], kw?: Record<string, unknown>): Promise<unknown>;
  /** Writes any bytes. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** Reads the next frame. Rejects with the original's error if a line is not a length. */
  answer(): Promise<unknown>;
  close(): Promise<void>;
};

/** Creates a client that reads and writes `channel`. */
export function createOldClient(channel: Channel): OldClient {
  const pieces = channel[Symbol.asyncIterator]();
  let received = Buffer.alloc(0);

  const more = async (): Promise<void> => {
    const { value, done } = await pieces.next();
    if (done === true) throw new Error("ProtocolError: the line is ''");
    received = Buffer.concat([received, value]);
  };
  const take = (count: number): Buffer => {
    const taken = received.subarray(0, count);
    received = received.subarray(count);
    return taken;
  };
  /** Joins the pieces once: a body can be large. */
  const takeBody = async (count: number): Promise<Buffer> => {
    const parts: Buffer[] = [];
    let missing = count;
    for (;;) {
      const part = take(Math.min(missing, received.length));
      parts.push(part);
      missing -= part.length;
      if (missing === 0) return Buffer.concat(parts);
      await more();
    }
  };
  const answer = async (): Promise<unknown> => {
    while (!received.includes("\n")) await more();
    const line = take(received.indexOf("\n") + 1).toString();
    if (!/^\d+$/.test(line.trim())) throw new Error(`ProtocolError: the line is ${JSON.stringify(line)}`);
    return JSON.parse((await takeBody(Number(line))).toString("ascii"));
  };
  const send = (bytes: string | Uint8Array): Promise<void> =>
    channel.write(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
  return {
    async call(method, args = [], kw = {}) {
      await send(frame({ args, kw, method }));
      return answer();
    },
    send,
    answer,
    close: () => channel.close(),
  };
}

/** Formats a length-prefixed frame. */
export function frame(object: object): string {
  const body = JSON.stringify(object);
  return `${Buffer.byteLength(body)}\n${body}`;
}
