/** Asks a QEMU guest agent at a unix socket, without a wait between an answer and the next request. */
import { until } from "../test/support/until.ts";

/** A connection to an agent. Disposal closes it. */
export type AgentConnection = Disposable & {
  /** Resolves with the answer. Rejects if it is an error, or if the agent has closed the connection. */
  ask(execute: string, args?: object): Promise<Record<string, unknown>>;
};

/** Connects to an agent, as soon as it listens. */
export async function connectTo(path: string): Promise<AgentConnection> {
  let waiting: PromiseWithResolvers<Buffer> | undefined;
  let parts: Uint8Array[] = [];
  const connect = () =>
    Bun.connect({
      unix: path,
      socket: {
        data(_, bytes) {
          parts.push(new Uint8Array(bytes));
          if (bytes.at(-1) !== LINE_END) return;
          waiting?.resolve(Buffer.concat(parts));
          parts = [];
        },
        close: () => waiting?.reject(new Error("The agent has closed the connection")),
        drain: () => flush(),
      },
    });
  let socket: Awaited<ReturnType<typeof connect>> | undefined;
  let unsent = Buffer.alloc(0);
  const flush = (): void => {
    unsent = unsent.subarray(socket?.write(unsent) ?? 0);
  };
  await until(`an agent listens at ${path}`, async () => {
    socket = await connect().catch(() => undefined);
    return socket !== undefined;
  });
  return {
    async ask(execute, args = {}) {
      waiting = Promise.withResolvers();
      unsent = Buffer.from(`${JSON.stringify({ execute, arguments: args })}\n`);
      flush();
      const answer = Object(JSON.parse((await waiting.promise).toString()));
      if (answer.error !== undefined) throw new Error(`${execute}: ${answer.error.desc}`);
      return Object(answer.return);
    },
    [Symbol.dispose]: () => socket?.terminate(),
  };
}

const LINE_END = 0x0a;
