/** Serves a foreign dialect on a port that carries no other dialect. */
import { onAbort } from "../abort.ts";
import { NegotiatorError } from "../errors.ts";
import type { Serve } from "../methods/serve.ts";
import type { Channel } from "../wire/channel.ts";
import type { ForeignDialect, ForeignServer, ForeignServing, ServerLine, ServingDialect } from "./dialect.ts";
import type { ObjectFramer } from "./object-framer.ts";
import { createAnswerMemory } from "./answer-memory.ts";

/** A link that answers a peer's calls and makes none. */
export type ForeignLink = {
  /** The running calls; `outgoing` is always 0. */
  readonly calls: { outgoing: number; incoming: number };
  /**
   * Answers the peer's calls on `channel`, then closes the channel. Resolves when the channel ends, when
   * `signal` aborts, and after `close`. Rejects when reading or writing fails, and with `BAD_FRAME` after too
   * many invalid messages in a row.
   */
  run(channel: Channel, signal: AbortSignal): Promise<undefined>;
  /** Cancels the running calls and closes the channel. */
  close(): void;
};

/** Creates a link that answers calls in this dialect. */
export function createForeignLink(
  dialect: ServingDialect,
  { serve, answerMemory, ...options }: ForeignServing,
): ForeignLink {
  const life = new AbortController();
  const counted = countCalls(serve);
  return {
    get calls() {
      return { outgoing: 0, incoming: counted.count };
    },
    async run(channel, signal) {
      const ending = AbortSignal.any([signal, life.signal]);
      await using held = new AsyncDisposableStack();
      held.use(channel);
      held.use(onAbort(ending, () => void channel.close()));
      const { promise: broken, reject } = Promise.withResolvers<never>();
      const framer = dialect.createFramer(options.limits, options.memory);
      const output = createOutput(channel, () => server.resume(), reject);
      const server = dialect.createServer({
        ...options,
        ...output,
        answerMemory: answerMemory ?? createAnswerMemory(options.limits.foreignAnswerBytes),
        serve: counted.serve,
      });
      try {
        await Promise.race([answerAll(channel, server, { dialect, framer, limits: options.limits }), broken]);
      } catch (thrown) {
        if (!ending.aborted) throw thrown;
      } finally {
        framer.drop?.();
        server.cancelAll();
      }
    },
    close: () => life.abort(),
  };
}

function countCalls(serve: Serve): { serve: Serve; readonly count: number } {
  let count = 0;
  return {
    get count() {
      return count;
    },
    serve: {
      ...serve,
      call(call) {
        count++;
        let isEnded = false;
        const end = (): void => {
          if (!isEnded) count--;
          isEnded = true;
        };
        serve.call({
          ...call,
          respond(result) {
            end();
            call.respond(result);
          },
          fail(error) {
            end();
            call.fail(error);
          },
        });
      },
    },
  };
}

function createOutput(
  channel: Channel,
  onWritten: () => void,
  onFailure: (failure: unknown) => void,
): Pick<ServerLine, "send" | "unsent"> {
  let unsent = 0;
  let writing = Promise.resolve();
  const write = async (before: Promise<void>, bytes: Uint8Array): Promise<void> => {
    await before;
    await channel.write(bytes);
    unsent--;
    onWritten();
  };
  return {
    send(bytes) {
      unsent++;
      writing = write(writing, bytes);
      writing.catch(onFailure);
    },
    unsent: () => unsent,
  };
}

async function answerAll(
  channel: Channel,
  server: ForeignServer,
  {
    dialect,
    framer,
    limits,
  }: { dialect: ForeignDialect; framer: ObjectFramer; limits: ServerLine["limits"] },
): Promise<void> {
  let faults = 0;
  for await (const bytes of channel) {
    for (const object of framer.push(bytes)) {
      const isMessage = !(object instanceof NegotiatorError) && dialect.recognises(object);
      if (!isMessage && ++faults > limits.faults) throw tooManyFaults(dialect);
      if (!isMessage) continue;
      faults = 0;
      server.take(object);
    }
  }
}

function tooManyFaults({ label }: ForeignDialect): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `The peer (${label}) sent too many invalid messages`);
}
