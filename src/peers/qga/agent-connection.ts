/**
 * A connection to a guest's QEMU guest agent, which answers one request after the other. The channel is open
 * only while someone uses it, because another program may want its socket.
 */
import { onAbort } from "../../abort.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import { parseJsonObject } from "../../wire/json.ts";
import type { JsonObject } from "../../wire/json.ts";
import { readAgentError } from "./agent-error.ts";
import { createLineReader } from "./line-reader.ts";
import type { LineReader } from "./line-reader.ts";

/** A connection that is dialled when it is used. */
export type AgentConnection = {
  /** Keeps the channel open until it is disposed. */
  hold(): Disposable;
  /**
   * Sends a request, and resolves with the member `return` of its answer. Rejects as `readAgentError` says,
   * with `NO_CHANNEL` after half a minute without an answer, with `CLOSED` if the channel ends before it, and
   * with `BAD_FRAME` for an answer that is none. After each of these the next request dials again.
   */
  ask(command: string, args?: JsonObject): Promise<unknown>;
};

/** Opens a channel. Rejects when `signal` aborts. */
type Dial = (signal: AbortSignal) => Promise<Channel>;

/** The agent answers the sync within a millisecond, unless it runs a slow request of another client. */
const SYNC_MS = 5000;
const ANSWER_MS = 30_000;
/** A byte that is invalid everywhere, so that an agent drops what another client has left unfinished. */
const RESET = Uint8Array.of(0xff);
/** The agent takes ids of 64 bits. JavaScript has 53 of them. */
const LARGEST_ID = 2 ** 47;

type Line = { channel: Channel; lines: LineReader };

/**
 * Creates a connection that is not open. `life` ends it. `follow` is called after each request: with the
 * error if the agent has not answered it.
 */
export function createAgentConnection(
  dial: Dial,
  life: AbortSignal,
  follow: (error?: NegotiatorError) => void = () => undefined,
): AgentConnection {
  let holders = 0;
  let open: Line | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const drop = (): void => {
    void open?.channel.close();
    open = undefined;
  };
  const askNow = async (command: string, args: JsonObject | undefined): Promise<unknown> => {
    try {
      open ??= await withLimit(SYNC_MS, life, (signal) => connect(dial, signal));
      const line = open;
      const answer = await withLimit(ANSWER_MS, life, (signal) => exchange(line, { command, args }, signal));
      follow();
      return answer;
    } catch (thrown) {
      if (!life.aborted) follow(thrown instanceof AgentRefusal ? undefined : NegotiatorError.from(thrown));
      // A late answer would be taken for the answer to the next request.
      if (!(thrown instanceof AgentRefusal)) drop();
      throw thrown instanceof AgentRefusal ? thrown.error : thrown;
    }
  };

  return {
    hold() {
      holders++;
      let isHeld = true;
      return {
        [Symbol.dispose]() {
          if (isHeld) holders--;
          isHeld = false;
          if (holders === 0) void last.then(() => holders > 0 || drop());
        },
      };
    },
    ask(command, args) {
      const answer = last.then(() => askNow(command, args));
      last = answer.catch(() => undefined);
      return answer;
    },
  };
}

/** An error that the agent has answered: the connection is in order. */
class AgentRefusal extends Error {
  readonly error: NegotiatorError;

  constructor(error: NegotiatorError) {
    super(error.message);
    this.error = error;
  }
}

/** Opens a channel, and skips what the agent still has to say to earlier clients. */
async function connect(dial: Dial, signal: AbortSignal): Promise<Line> {
  const channel = await dial(signal);
  using _ = onAbort(signal, () => void channel.close());
  const lines = createLineReader(channel);
  const id = Math.floor(Math.random() * LARGEST_ID);
  const sync = encode({ execute: "guest-sync-delimited", arguments: { id } });
  await channel.write(Buffer.concat([RESET, sync]));
  const digits = Buffer.from(String(id));
  for (;;) {
    const line = await lines.nextAfterReset();
    // It would take long to read as JSON what only looks like the answer, so there is one try.
    if (!Buffer.from(line.buffer, line.byteOffset, line.length).includes(digits)) continue;
    if (parse(line)?.["return"] === id) return { channel, lines };
    throw new NegotiatorError("BAD_FRAME", "Cannot read the guest agent's answer to guest-sync-delimited");
  }
}

type Request = { command: string; args: JsonObject | undefined };

async function exchange({ channel, lines }: Line, request: Request, signal: AbortSignal): Promise<unknown> {
  using _ = onAbort(signal, () => void channel.close());
  const { command, args } = request;
  await channel.write(encode({ execute: command, ...(args === undefined ? {} : { arguments: args }) }));
  const answer = parse(await lines.next());
  if (answer !== undefined && "return" in answer) return answer["return"];
  if (answer !== undefined && "error" in answer)
    throw new AgentRefusal(readAgentError(command, answer["error"]));
  throw new NegotiatorError("BAD_FRAME", `Cannot read the guest agent's answer to ${command}`);
}

/** Runs the work with a signal that aborts after `ms` or with `life`, and rejects with its reason then. */
async function withLimit<T>(
  ms: number,
  life: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(tooLate(ms)), ms);
  const signal = AbortSignal.any([limit.signal, life]);
  try {
    return await work(signal);
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(ms: number): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", `The QEMU guest agent does not answer within ${ms / 1000} s`, {
    remedy: "Look at it in the guest: systemctl status qemu-guest-agent",
  });
}

function encode(request: JsonObject): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(request)}\n`);
}

/** Returns undefined for a line that is not a JSON object. */
function parse(line: Uint8Array): JsonObject | undefined {
  try {
    return parseJsonObject(line);
  } catch {
    return undefined;
  }
}
