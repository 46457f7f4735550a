/** Owns clients of the QEMU guest agent's protocol, and agents that listen at a unix socket. */
import { launchDaemon, PROGRAM } from "./program.ts";
import type { Daemon } from "./program.ts";
import { until } from "./until.ts";

/** An answer: one of the two members. */
export type AgentReply = { return?: unknown; error?: { class: string; desc: string }; id?: unknown };

/** A connection to an agent. Disposal closes it. */
export type AgentClient = Disposable & {
  send(bytes: string | Uint8Array): void;
  /** The next line, with the byte 0xFF of a delimited synchronisation as the letter of that number. */
  line(): Promise<string>;
  /** Sends a request, and returns the next line as an answer. */
  ask(execute: string, args?: object): Promise<AgentReply>;
};

/** Connects to an agent, as soon as it listens. */
export async function connectAgent(path: string): Promise<AgentClient> {
  const lines: string[] = [];
  let rest = "";
  let unsent = Buffer.alloc(0);
  const flush = (): void => {
    unsent = unsent.subarray(Math.max(0, socket?.write(unsent) ?? 0));
  };
  const connect = () =>
    Bun.connect({
      unix: path,
      socket: {
        data(_, bytes) {
          const parts = `${rest}${Buffer.from(bytes).toString("latin1")}`.split("\n");
          rest = parts.pop() ?? "";
          lines.push(...parts);
        },
        drain: () => flush(),
      },
    });
  let socket: Awaited<ReturnType<typeof connect>> | undefined;
  await until(`an agent listens at ${path}`, async () => {
    socket = await connect().catch(() => undefined);
    return socket !== undefined;
  });
  const line = async (): Promise<string> => {
    await until("the agent answers", () => lines.length > 0);
    return lines.shift() ?? "";
  };
  const send = (bytes: string | Uint8Array): void => {
    unsent = Buffer.concat([unsent, Buffer.from(bytes)]);
    flush();
  };
  return {
    send,
    line,
    async ask(execute, args) {
      send(`${JSON.stringify({ execute, ...(args === undefined ? {} : { arguments: args }) })}\n`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test looks at its members
      return JSON.parse(await line()) as AgentReply;
    },
    [Symbol.dispose]: () => socket?.terminate(),
  };
}

/** Starts this program under the name of the QEMU guest agent. */
export function launchAgent(words: readonly string[], env: Record<string, string>): Daemon {
  const renamed = ["/bin/bash", "-c", 'exec -a qemu-ga "$0" "$@"', ...PROGRAM];
  return launchDaemon(words, { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env }, renamed);
}
