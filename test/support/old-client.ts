/** A python-negotiator that asks, over any channel: one request, one answer, as the original's command lines do it. */
import type { Channel } from "../../src/wire/channel.ts";

export type OldClient = {
  /** The answer's object. Rejects when the channel ends before it. */
  call(method: string, args?: readonly unknown[], kw?: Record<string, unknown>): Promise<unknown>;
  /** Sends any bytes. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** The next frame's object. Rejects with what the original says of a line that is no count. */
  answer(): Promise<unknown>;
  close(): Promise<void>;
};

export function createOldClient(channel: Channel): OldClient {
  const pieces = channel[Symbol.asyncIterator]();
  let heard = Buffer.alloc(0);

  const more = async (): Promise<void> => {
    const { value, done } = await pieces.next();
    if (done === true) throw new Error("ProtocolError: the line is ''");
    heard = Buffer.concat([heard, value]);
  };
  const take = (count: number): Buffer => {
    const taken = heard.subarray(0, count);
    heard = heard.subarray(count);
    return taken;
  };
  const answer = async (): Promise<unknown> => {
    while (!heard.includes("\n")) await more();
    const line = take(heard.indexOf("\n") + 1).toString();
    if (!/^\d+$/.test(line.trim())) throw new Error(`ProtocolError: the line is ${JSON.stringify(line)}`);
    while (heard.length < Number(line)) await more();
    return JSON.parse(take(Number(line)).toString("ascii"));
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

/** An object behind its count. */
export function frame(object: object): string {
  const body = JSON.stringify(object);
  return `${Buffer.byteLength(body)}\n${body}`;
}
