/** Serves a foreign dialect on a port that carries no other dialect. */
import { onAbort } from "../abort.ts";
import { NegotiatorError } from "../errors.ts";
import { releaseBytes } from "../wire/released-bytes.ts";
import type { Serve } from "../methods/serve.ts";
import type { Channel } from "../wire/channel.ts";
import type { AnsweredDialect, ForeignServer, ForeignServing, ServerLine } from "./dialect.ts";
import type { ObjectFramer } from "./object-framer.ts";
import { createAnswerMemory } from "./answer-memory.ts";
import { createChannelTurn } from "./channel-turn.ts";
import { collectEarly } from "./early-collection.ts";
import { withLookahead } from "./lookahead.ts";

/** A link that answers a peer's calls and makes none. */
export type ForeignLink = {
  /** The running calls; `outgoing` is always 0. */
  readonly calls: { outgoing: number; incoming: number };
  /** The number of calls that have ended. */
  readonly answered: number;
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
  dialect: AnsweredDialect,
  { serve, answerMemory, ...options }: ForeignServing,
): ForeignLink {
  const life = new AbortController();
  const counted = countCalls(serve);
  return {
    get calls() {
      return { outgoing: 0, incoming: counted.count };
    },
    get answered() {
      return counted.ended;
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
        send: output.send,
        unsent: output.unsent,
        answerMemory: answerMemory ?? createAnswerMemory(options.limits.foreignAnswerBytes),
        serve: counted.serve,
      });
      try {
        const { faults } = options.limits;
        await Promise.race([answerAll(channel, { dialect, framer, server, output, faults }), broken]);
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

function countCalls(serve: Serve): { serve: Serve; readonly count: number; readonly ended: number } {
  let count = 0;
  let ended = 0;
  return {
    get ended() {
      return ended;
    },
    get count() {
      return count;
    },
    serve: {
      ...serve,
      call(call) {
        count++;
        let isEnded = false;
        const end = (): void => {
          if (isEnded) return;
          isEnded = true;
          count--;
          ended++;
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
): Pick<ServerLine, "send" | "unsent"> & { drop: () => void } {
  let unsent = 0;
  let epoch = 0;
  let writing = Promise.resolve();
  const write = async (before: Promise<void>, bytes: Uint8Array, sentIn: number): Promise<void> => {
    await before;
    if (sentIn === epoch) await channel.write(bytes);
    unsent--;
    collectEarly(bytes.length);
    releaseBytes(bytes);
    onWritten();
  };
  return {
    send(bytes) {
      unsent++;
      writing = write(writing, bytes, epoch);
      writing.catch(onFailure);
    },
    unsent: () => unsent,
    /** Leaves out what was not begun: the peer that asked for it is gone. */
    drop: () => void epoch++,
  };
}

type Answering = {
  dialect: AnsweredDialect;
  framer: ObjectFramer;
  server: ForeignServer;
  output: Pick<ReturnType<typeof createOutput>, "drop">;
  faults: number;
};

async function answerAll(
  channel: Channel,
  { dialect, framer, server, output, faults: most }: Answering,
): Promise<void> {
  /** The number of clients that have left. */
  let left = 0;
  const leave = (): void => {
    left++;
    framer.drop?.();
    server.cancelAll();
    output.drop();
  };
  const turn = createChannelTurn();
  let faults = 0;
  for await (const bytes of withLookahead(channel, leave)) {
    const leftBefore = left;
    turn.begin();
    collectEarly(bytes.length);
    for (const object of framer.push(bytes)) {
      if (object instanceof NegotiatorError && server.takeFault !== undefined) server.takeFault(object);
      else if (object instanceof NegotiatorError || !dialect.recognises(object)) {
        if (++faults > most) throw tooManyFaults(dialect);
        continue;
      } else server.take(object);
      faults = 0;
      await server.ready?.();
      await turn.pass();
      // The rest of the piece is of a client that is gone.
      if (left > leftBefore) break;
    }
    await turn.pass();
  }
}

function tooManyFaults({ label }: AnsweredDialect): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `The peer (${label}) sent too many invalid messages`);
}
