/** A python-negotiator as a peer: calls wait for each other, and each has a channel of its own for as long as it takes. */
import { NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute.ts";
import type { CommandSummary } from "../../methods/list-commands.ts";
import { cancelled } from "../../wire/calls/calls.ts";
import type { Channel } from "../../wire/channel.ts";
import { clipText } from "../../wire/message.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import { createCallQueue } from "./call-queue.ts";
import { onAbort, untilAborted } from "../../abort.ts";
import { createInputCollector } from "./input-collector.ts";
import { createLateReader, readText } from "./late-reader.ts";
import { converse } from "./exchange.ts";
import type { SyncProbe, LegacyAnswer, LegacyRequest } from "./exchange.ts";
import { createLegacyDeadline } from "./call-deadline.ts";
import { fromLegacyResult, readLegacyFailure } from "./legacy-text.ts";
import type { LegacyEnd } from "./legacy-text.ts";
import type { ExecuteRequest, Peer, RemoteCommand } from "../peer.ts";
import { withUnbrokenWrites } from "./unbroken-writes.ts";

export type LegacyPeer = Peer & {
  /** Calls that wait or are under way. */
  readonly queueLength: number;
  /** A native agent was met there: the calls that were not made yet go to the successor. */
  retire(): void;
};

type LegacyPeerOptions = {
  /** Opens the channel for one call; it is closed after it, so that old host programs have their turn. */
  dial: (signal: AbortSignal) => Promise<Channel>;
  makeSyncProbe: () => SyncProbe;
  /** Whom to call instead when a native agent was met: the guest was upgraded. */
  successor: (signal: AbortSignal) => Promise<Peer>;
  /** Whether a native agent is known to be there now. */
  isReplaced: () => boolean;
  /** Ends all calls when it aborts, with its reason. */
  life: AbortSignal;
};

/** Calls to one old guest that may wait for their turn. */
const WAITING_CALLS = 32;

export function createLegacyPeer(options: LegacyPeerOptions): LegacyPeer {
  const queue = createCallQueue();
  let retirement = new AbortController();

  const retire = (): void => {
    retirement.abort();
    retirement = new AbortController();
  };
  /** Makes the call, unless the guest was upgraded while it waited: what waits behind the first to notice need not try. */
  const takeTurn = async (call: QueuedCall, retired: AbortSignal): Promise<LegacyAnswer | undefined> => {
    call.signal.throwIfAborted();
    if (retired.aborted || options.isReplaced()) return undefined;
    const answer = await callOnce(call, retired, options);
    if (answer === undefined && !retired.aborted) retire();
    return answer;
  };

  /**
   * Waits for its turn, then makes the call; gives up when its signal aborts, in the queue or under way. Undefined when
   * the call was not made, because the guest was upgraded.
   */
  const enqueue: Enqueue = (queued) => {
    if (queue.length >= WAITING_CALLS) {
      const message = `${WAITING_CALLS} calls wait already for the old agent, which takes one at a time`;
      return Promise.reject(new NegotiatorError("BUSY", message));
    }
    const { signal: retired } = retirement;
    return queue.run(() => takeTurn(queued, retired), queued.signal);
  };

  return {
    get queueLength() {
      return queue.length;
    },
    retire,
    execute: (request) => execute(request, enqueue, options),
    async listCommands(timeoutMs) {
      using deadline = createLegacyDeadline(timeoutMs, options.life);
      const request = { method: "list_commands", args: [], kw: {} };
      const answer = await enqueue({ request, signal: deadline.signal, onStart: deadline.start });
      if (answer === undefined) {
        const peer = await untilAborted(options.successor(deadline.signal), deadline.signal);
        return peer.listCommands(deadline.handOver());
      }
      if (answer.kind === "failure") throw new NegotiatorError("INTERNAL", clipText(answer.text));
      return readNames(answer.result).map((name): CommandSummary => ({ name, kind: "user" }));
    },
  };
}

/** `onStart` is called when the agent is about to hear of it. */
type QueuedCall = { request: LegacyRequest; signal: AbortSignal; onStart: () => void };

type Enqueue = (call: QueuedCall) => Promise<LegacyAnswer | undefined>;

/** Undefined when a native agent answers, or was met elsewhere, before the call was made. */
async function callOnce(
  { request, signal, onStart }: QueuedCall,
  retired: AbortSignal,
  { dial, makeSyncProbe }: LegacyPeerOptions,
): Promise<LegacyAnswer | undefined> {
  let isMade = false;
  const unmade = AbortSignal.any([signal, retired]);
  try {
    await using channel = withUnbrokenWrites(await dial(unmade));
    unmade.throwIfAborted();
    const hangUp = (): void => void channel.close();
    using listening = new DisposableStack();
    listening.use(onAbort(signal, hangUp));
    listening.use(onAbort(retired, () => isMade || hangUp()));
    return await converse(channel, makeSyncProbe(), request, () => {
      isMade = true;
      onStart();
    });
  } catch (thrown) {
    if (retired.aborted && !isMade && !signal.aborted) return undefined;
    throw thrown;
  }
}

function execute(
  request: ExecuteRequest,
  enqueue: Enqueue,
  { successor, life }: LegacyPeerOptions,
): RemoteCommand {
  const { command, args, hasInput, timeoutMs } = request;
  const deadline = createLegacyDeadline(timeoutMs, life);
  const input = createInputCollector();
  const stdout = createLateReader();
  const stderr = createLateReader();
  if (!hasInput) input.writer.end();

  const call = async (): Promise<ExecuteResult> => {
    const startMs = performance.now();
    const text = await untilAborted(input.text, deadline.signal);
    const kw = { capture: true, ...(text === "" ? {} : { input: text }) };
    const words = { method: "execute", args: [command, ...args], kw };
    const answer = await enqueue({ request: words, signal: deadline.signal, onStart: deadline.start });
    if (answer === undefined) return passOn(text);
    const { exit, output } = readAnswer(answer, command);
    stdout.from(readText(output));
    stderr.from(readText(""));
    return { ...exit, timedOut: false, cancelled: false, durationMs: performance.now() - startMs };
  };
  const passOn = async (text: string): Promise<ExecuteResult> => {
    const peer = await untilAborted(successor(deadline.signal), deadline.signal);
    const remote = peer.execute({ ...request, timeoutMs: deadline.handOver() });
    const cancel = (): void => remote.cancel(NegotiatorError.from(deadline.signal.reason).message);
    using _ = onAbort(deadline.signal, cancel);
    stdout.from(remote.stdout);
    stderr.from(remote.stderr);
    void feed(remote.stdin, text);
    return await remote.ended;
  };
  const ended = call().catch((thrown: unknown) => {
    const error = NegotiatorError.from(thrown);
    stdout.fail(error);
    stderr.fail(error);
    throw error;
  });
  // The caller may read the streams only; an end that nobody waits for is no crash.
  void ended.catch(() => undefined).then(() => deadline[Symbol.dispose]());
  return {
    isSent: true,
    stdin: hasInput ? input.writer : undefined,
    stdout: stdout.reader,
    stderr: stderr.reader,
    ended,
    cancel: (reason) => deadline.abort(cancelled(reason)),
  };
}

async function feed(stdin: StreamWriter | undefined, text: string): Promise<void> {
  // A command that reads no more has its reasons.
  await stdin?.write(new TextEncoder().encode(text)).catch(() => undefined);
  stdin?.end();
}

/** An old server tells of an exit code in words only, and of output beside it as well. */
function readAnswer(answer: LegacyAnswer, command: string): LegacyEnd {
  if (answer.kind === "failure") return readLegacyFailure(answer.text, command);
  const text = typeof answer.result === "string" ? answer.result : JSON.stringify(answer.result);
  return { exit: { exitCode: 0, signal: null }, output: fromLegacyResult(text) };
}

function readNames(result: unknown): string[] {
  if (Array.isArray(result) && result.every((name) => typeof name === "string")) return result.toSorted();
  throw new NegotiatorError("BAD_REQUEST", "The old agent's list of commands is no list of names");
}
