/**
 * The detached commands of peers: those that run, and those that have ended and whose output and result are
 * kept. They outlive their callers.
 */
import { join } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { callerKey, formatCaller } from "../../policy/caller.ts";
import type { Caller } from "../../policy/caller.ts";
import type { ForwardedSignal, RunningCommand } from "../../process/run.ts";
import type { CallerInfo, CallId } from "../../wire/message.ts";
import { clipText } from "../../wire/message.ts";
import type { ExecuteResult } from "../execute-schemas.ts";
import { createKeptOutput } from "./kept-output.ts";
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
  freeze(): Omit<FrozenKept, keyof Times>;
};

/** All detached commands of a daemon. Disposing removes what is kept, unless it was saved. */
export type KeptCommands = AsyncDisposable & {
  /**
   * Adds a command. If the peer or all peers together have too many, the oldest that has ended is forgotten,
   * of the user with the most. Throws `BUSY` if all of them run, and `BAD_REQUEST` for an id that the
   * peer has used.
   */
  begin(asker: Asker, facts: { id: CallId; command: string; keepMs: number | undefined }): KeptCommand;
  /**
   * Returns a command that the asker may see: its own user's, or any of the same peer for root and for a peer
   * that does not say the user. Throws `NO_CALL`.
   */
  find(id: CallId, asker: Asker): KeptCommand;
  /** Returns the command with this id, of any peer: one that runs, if several peers have chosen the id. */
  get(id: CallId): KeptCommand | undefined;
  /** Returns all commands, those that began first in front. */
  list(): KeptCommand[];
  /** Removes those that were kept for their time. Called now and then. */
  expire(): void;
  /** Returns a command of `thaw` for the call that goes on. Throws `NO_CALL`. */
  resume(id: CallId, peer: Caller): KeptCommand;
  freeze(): FrozenKeptCommands;
  /** Adds the commands that another program has kept. Called before anything else. */
  thaw(frozen: FrozenKeptCommands): void;
  /** Puts all output into files, and returns all commands for another process. They end here. */
  save(): Promise<FrozenKeptCommands>;
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

/** All kept commands as plain data. */
export type FrozenKeptCommands = { fileCount: number; commands: FrozenKept[] };

/** Bounds of the kept commands. `directory` is where their output goes; it must exist. */
export type KeptLimits = {
  directory: string;
  ofPeer: number;
  ofAll: number;
  /** For each of the two streams of a command. */
  memoryBytes: number;
  mostBytes: number;
  /** The time for which an ended command is kept, by default and at most. */
  keepMs: number;
  mostKeepMs: number;
};

/** Creates an empty set. `onChange` is called when a command was added, has ended, or was removed. */
export function createKeptCommands(limits: KeptLimits, onChange: () => void = () => undefined): KeptCommands {
  /** By peer and id: a peer chooses its ids, and must not reach the calls of others by them. */
  const commands = new Map<string, KeptCommand>();
  let fileCount = 0;
  /** How long each is kept after its end, and the number of its files. */
  const times = new WeakMap<KeptCommand, Times>();

  const timesOf = (kept: KeptCommand): Times => times.get(kept) ?? { keepMs: 0, number: 0 };

  const remove = (kept: KeptCommand): void => {
    const key = keyOfCall(kept.peer, kept.id);
    if (commands.get(key) !== kept) return;
    commands.delete(key);
    void kept.stdout.remove();
    void kept.stderr.remove();
    onChange();
  };

  const expire = (): void => {
    for (const kept of commands.values()) {
      const { finishedMs } = kept.ages();
      if (finishedMs !== undefined && finishedMs >= timesOf(kept).keepMs) remove(kept);
    }
  };

  const add = (
    asker: Asker,
    facts: Omit<Facts, "outputOf">,
    { keepMs, number, mostBytes = limits.mostBytes }: Times,
  ): KeptCommand => {
    const outputOf: Facts["outputOf"] = (stream) => {
      const path = join(limits.directory, `${number}.${stream}`);
      return createKeptOutput({ ...limits, mostBytes, path }, facts.frozen?.[stream]);
    };
    const kept = createKeptCommand(asker, { ...facts, outputOf });
    commands.set(keyOfCall(asker.peer, facts.id), kept);
    times.set(kept, { keepMs, number, mostBytes });
    if (facts.frozen?.finishedMs === undefined) kept.ended.then(onChange, () => remove(kept));
    return kept;
  };

  const freeze = (): FrozenKeptCommands => ({
    fileCount,
    commands: [...commands.values()].map((kept) => ({ ...kept.freeze(), ...timesOf(kept) })),
  });

  return {
    begin(asker, { id, command, keepMs = limits.keepMs }) {
      expire();
      checkRoom(asker, commands, limits, remove);
      if (commands.has(keyOfCall(asker.peer, id))) throw usedBefore(id);
      const number = ++fileCount;
      const kept = add(asker, { id, command }, { keepMs: Math.min(keepMs, limits.mostKeepMs), number });
      onChange();
      return kept;
    },
    find(id, asker) {
      expire();
      const kept = commands.get(keyOfCall(asker.peer, id));
      if (kept !== undefined && mayUse(kept, asker)) return kept;
      throw noCall(id);
    },
    get(id) {
      expire();
      const same = [...commands.values()].filter((kept) => kept.id === id);
      return same.find(({ result }) => result === undefined) ?? same[0];
    },
    list() {
      expire();
      return [...commands.values()];
    },
    expire,
    resume(id, peer) {
      const kept = commands.get(keyOfCall(peer, id));
      if (kept === undefined) throw noCall(id);
      return kept;
    },
    freeze,
    thaw(frozen) {
      ({ fileCount } = frozen);
      for (const one of frozen.commands) {
        const { peer, user, id, command } = one;
        add({ peer, user }, { id, command, frozen: one }, one);
      }
    },
    async save() {
      expire();
      const all = [...commands.values()];
      await Promise.all(all.flatMap(({ stdout, stderr }) => [stdout.save(), stderr.save()]));
      const saved = freeze();
      commands.clear();
      return saved;
    },
    async [Symbol.asyncDispose]() {
      const all = [...commands.values()];
      commands.clear();
      await Promise.all(all.flatMap(({ stdout, stderr }) => [stdout.remove(), stderr.remove()]));
    },
  };
}

/** Forgets commands that have ended, if there are too many. Throws `BUSY` if none of them may give way. */
function checkRoom(
  { peer, user }: Asker,
  commands: ReadonlyMap<string, KeptCommand>,
  limits: Pick<KeptLimits, "ofPeer" | "ofAll">,
  remove: (kept: KeptCommand) => void,
): void {
  const own = [...commands.values()].filter((kept) => isSamePeer(kept.peer, peer));
  if (own.length >= limits.ofPeer && !removeOldest(givingWayTo(user, own), remove))
    throw tooMany(`${limits.ofPeer} detached calls of ${formatCaller(peer)}`);
  // Peers that keep many must not keep out the others: each has one place in any case.
  if (commands.size < limits.ofAll || own.length === 0) return;
  const peers = Map.groupBy(commands.values(), (kept) => keyOf(kept.peer));
  const largest = [...peers.values()]
    .filter((list) => list.length > 1)
    .toSorted((one, other) => other.length - one.length);
  if (!largest.some((list) => removeOldest(byUser(list), remove)))
    throw tooMany(`${limits.ofAll} detached calls of all callers`);
}

/** Returns the commands of each user, those of the one with the most in front. */
function byUser(commands: readonly KeptCommand[]): KeptCommand[][] {
  const users = Map.groupBy(commands, ({ user }) => user?.uid);
  return [...users.values()].toSorted((one, other) => other.length - one.length);
}

/**
 * Returns the commands that may give way to a new one, as `byUser` does: a user with many must not make the
 * results of others forgotten. Root may take any place.
 */
function givingWayTo(beginner: CallerInfo | undefined, commands: readonly KeptCommand[]): KeptCommand[][] {
  const isOwn = ([kept]: readonly KeptCommand[]): boolean => kept?.user?.uid === beginner?.uid;
  const users = byUser(commands);
  const ownCount = users.find(isOwn)?.length ?? 0;
  return users.filter((list) => isOwn(list) || list.length > ownCount || beginner?.uid === 0);
}

/** Forgets the oldest command that has ended, of the first list that has one. Returns false if all run. */
function removeOldest(lists: readonly KeptCommand[][], remove: (kept: KeptCommand) => void): boolean {
  const ended = lists
    .map((list) => list.find((kept) => kept.ages().finishedMs !== undefined))
    .find((kept) => kept !== undefined);
  if (ended !== undefined) remove(ended);
  return ended !== undefined;
}

type Times = Pick<FrozenKept, "keepMs" | "number" | "mostBytes">;
type Facts = {
  id: CallId;
  command: string;
  outputOf: (stream: "stdout" | "stderr") => KeptOutput;
  frozen?: FrozenKept;
};

function createKeptCommand(asker: Asker, { id, command, outputOf, frozen }: Facts): KeptCommand {
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

function mayUse(kept: KeptCommand, { peer, user }: Asker): boolean {
  if (!isSamePeer(kept.peer, peer)) return false;
  return user?.uid === undefined || user.uid === 0 || user.uid === kept.user?.uid;
}

/** Whether two callers are the same peer. */
export function isSamePeer(one: Caller, other: Caller): boolean {
  return keyOf(one) === keyOf(other);
}

function keyOfCall(peer: Caller, id: CallId): string {
  return `${keyOf(peer)}\0\0${id}`;
}

function keyOf(peer: Caller): string {
  return callerKey(peer).join("\0");
}

/** A call that is not there, or not of the asker, who must not learn which. */
export function noCall(id: CallId): NegotiatorError {
  return new NegotiatorError("NO_CALL", `There is no detached call "${clipText(id)}" of yours`, {
    remedy:
      "See which there are with the subcommand calls. Once a call is forgotten, as after its time " +
      "(--keep), its outcome is not known",
  });
}

function lostWithDaemon(command: string): NegotiatorError {
  return new NegotiatorError(
    "UNKNOWN_OUTCOME",
    `The outcome of "${clipText(command)}" is unknown: the daemon that ran it was killed`,
    { remedy: "Look in its own log or files how far it came, before you run it again" },
  );
}

function usedBefore(id: CallId): NegotiatorError {
  return new NegotiatorError(
    "BAD_REQUEST",
    `Cannot detach the call: its id "${clipText(id)}" was used before`,
    {
      remedy: "Make each id from 128 random bits",
    },
  );
}

function tooMany(what: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot detach the call: there are ${what} already`, {
    remedy: "Wait for some of them, or cancel them: see the subcommand calls",
  });
}
