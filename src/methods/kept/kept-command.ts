/** One detached command: while it runs, and while its output and result are kept. */
import { NegotiatorError } from "../../errors.ts";
import { callerKey } from "../../policy/caller.ts";
import type { Caller } from "../../policy/caller.ts";
import type { ForwardedSignal, RunningCommand } from "../../process/run.ts";
import type { CallerInfo, CallId } from "../../wire/message.ts";
import { clipText } from "../../wire/message.ts";
import type { ExecuteResult } from "../execute-schemas.ts";
import type { FrozenKeptOutput, KeptOutput } from "./kept-output.ts";

/** The caller of a detached command: the peer, and the user of the peer's machine. */
export type Asker = { peer: Caller; user?: CallerInfo | undefined };

type OutputFacts = { truncated: boolean };

/** A detached command. */
export type KeptCommand = Asker & {
  readonly id: CallId;
  readonly command: string;
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;
  /** Resolves with the result. Rejects with the error of a command that was not started, or was lost. */
  readonly ended: Promise<ExecuteResult>;
  /** The result, once the command has ended. */
  readonly result: ExecuteResult | undefined;
  /** How long ago the command was called and has ended, in milliseconds; undefined before that. */
  ages(): { startedMs: number; finishedMs: number | undefined };
  /** Aborts when its user, or root, cancels the command. */
  readonly cancelled: AbortSignal;
  /** The command runs from now on. */
  started(running: RunningCommand): void;
  /** Sends it a signal. Returns whether it runs. */
  signal(name: ForwardedSignal): boolean;
  cancel(reason: string): void;
  /** The command has ended, and is kept for its time. `facts` are those of its outputs. */
  finish(result: ExecuteResult, facts: { stdout: OutputFacts; stderr: OutputFacts }): void;
  /** Nothing ran: forgets the command. */
  fail(error: NegotiatorError): void;
  freeze(): Omit<FrozenKept, keyof KeptTimes>;
};

/**
 * A kept command as plain data. `number` is in the names of its files. `mostBytes` is their size, that of the
 * limits if it is missing.
 */
export type FrozenKept = Asker & {
  id: CallId;
  command: string;
  number: number;
  mostBytes?: number | undefined;
  keepMs: number;
  startedMs: number;
  finishedMs?: number;
  result?: ExecuteResult;
  cancelled?: string;
  /** The daemon that ran it has ended before the command, so its result is not known. */
  isLost?: boolean;
  stdout: FrozenKeptOutput;
  stderr: FrozenKeptOutput;
};

/** How long a command is kept after its end, and the number and size of its files. */
export type KeptTimes = Pick<FrozenKept, "keepMs" | "number" | "mostBytes">;

/** The parts of a new command, or of one that another program has kept. */
export type KeptCommandFacts = {
  id: CallId;
  command: string;
  outputOf: (stream: "stdout" | "stderr") => KeptOutput;
  frozen?: FrozenKept;
};

/** Creates a command that has not started, or goes on with a frozen one. */
export function createKeptCommand(
  asker: Asker,
  { id, command, outputOf, frozen }: KeptCommandFacts,
): KeptCommand {
  const [stdout, stderr] = [outputOf("stdout"), outputOf("stderr")];
  const { promise: ended, resolve, reject } = Promise.withResolvers<ExecuteResult>();
  // Perhaps no caller waits for it.
  ended.catch(() => undefined);
  const cancelling = new AbortController();
  let running: RunningCommand | undefined;
  let result = frozen?.result;
  if (result !== undefined) resolve(result);
  if (frozen?.isLost === true) reject(lostWithDaemon(command));
  const startMs = performance.now() - (frozen?.startedMs ?? 0);
  let endMs = frozen?.finishedMs === undefined ? undefined : performance.now() - frozen.finishedMs;
  if (frozen?.cancelled !== undefined) cancelling.abort(new NegotiatorError("CANCELLED", frozen.cancelled));
  const endOutput = (facts: { stdout?: OutputFacts; stderr?: OutputFacts } = {}): void => {
    running = undefined;
    endMs = performance.now();
    stdout.finish(facts.stdout);
    stderr.finish(facts.stderr);
  };
  return {
    ...asker,
    id,
    command,
    stdout,
    stderr,
    ended,
    get result() {
      return result;
    },
    ages() {
      const nowMs = performance.now();
      return { startedMs: nowMs - startMs, finishedMs: endMs === undefined ? undefined : nowMs - endMs };
    },
    cancelled: cancelling.signal,
    started: (now) => void (running = now),
    signal(name) {
      running?.signal(name);
      return running !== undefined;
    },
    cancel: (reason) => cancelling.abort(new NegotiatorError("CANCELLED", reason)),
    finish(end, facts) {
      result = end;
      endOutput(facts);
      resolve(end);
    },
    fail(error) {
      endOutput();
      reject(error);
    },
    freeze() {
      const nowMs = performance.now();
      return {
        ...asker,
        id,
        command,
        startedMs: nowMs - startMs,
        ...(endMs !== undefined && { finishedMs: nowMs - endMs }),
        ...(result !== undefined && { result }),
        ...(cancelling.signal.aborted && {
          cancelled: NegotiatorError.from(cancelling.signal.reason).message,
        }),
        stdout: stdout.freeze(),
        stderr: stderr.freeze(),
      };
    },
  };
}

/** Whether two callers are the same peer. */
export function isSamePeer(one: Caller, other: Caller): boolean {
  return keyOfPeer(one) === keyOfPeer(other);
}

/** Returns a text that no other peer has. */
export function keyOfPeer(peer: Caller): string {
  return callerKey(peer).join("\0");
}

function lostWithDaemon(command: string): NegotiatorError {
  return new NegotiatorError(
    "UNKNOWN_OUTCOME",
    `The outcome of "${clipText(command)}" is unknown: the daemon that ran it was killed`,
    { remedy: "Look in its own log or files how far it came, before you run it again" },
  );
}
