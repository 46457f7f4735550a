/** A guest that calls its host as a python-negotiator does. Every release of ours answers that. */
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { drained } from "./drained.ts";

/** An answer: `result` or `error` is text. */
export type OldAnswer = { success: boolean; result?: unknown; error?: unknown };

/** The guest's end of its port. */
export type OldGuest = AsyncDisposable & {
  /** Calls a method of the host. One call at a time. */
  call: (method: string, ...args: readonly string[]) => Promise<OldAnswer>;
  /** Sends bytes. */
  send: (bytes: string | Uint8Array) => Promise<void>;
};

/** Listens at `path`, where the host's daemon connects. */
export async function listenAsOldGuest(path: string): Promise<OldGuest> {
  const { promise: connected, resolve } = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    resolve(socket);
  });
  server.listen(path);
  await once(server, "listening");
  let text = "";
  let wake: (() => void) | undefined;
  void connected.then((socket) =>
    socket.on("data", (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString("latin1");
      wake?.();
    }),
  );

  const send = async (bytes: string | Uint8Array): Promise<void> => {
    const socket = await connected;
    if (!socket.write(bytes)) await drained(socket);
  };
  const readAnswer = async (): Promise<OldAnswer> => {
    for (;;) {
      const answer = takeAnswer(text);
      if (answer !== undefined) {
        text = answer.rest;
        return answer.object;
      }
      const { promise, resolve: next } = Promise.withResolvers<void>();
      wake = next;
      await promise;
    }
  };
  return {
    send,
    async call(method, ...args) {
      const body = JSON.stringify({ method, args, kw: {} });
      await send(`${Buffer.byteLength(body)}\n${body}`);
      return readAnswer();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.unref();
      await Promise.race([connected.then((socket) => socket.destroy()), Promise.resolve()]);
    },
  };
}

function takeAnswer(text: string): { object: OldAnswer; rest: string } | undefined {
  const [head = "", count] = /^\s*(\d+)\n/.exec(text) ?? [];
  if (count === undefined || text.length < head.length + Number(count)) return undefined;
  const end = head.length + Number(count);
  return { object: JSON.parse(text.slice(head.length, end)), rest: text.slice(end) };
}
