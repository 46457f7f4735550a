/**
 * The detached commands of peers: those that run, and those that have ended and whose output and result are
 * kept. They outlive their callers.
 */
import { join } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import type { Caller } from "../../policy/caller.ts";
import type { CallId } from "../../wire/message.ts";
import { clipText } from "../../wire/message.ts";
import { createKeptCommand, isSamePeer, keyOfPeer } from "./kept-command.ts";
import type { Asker, FrozenKept, KeptCommand, KeptCommandFacts, KeptTimes } from "./kept-command.ts";
import { createKeptOutput } from "./kept-output.ts";
import { makeRoom } from "./kept-room.ts";
import type { KeptCounts } from "./kept-room.ts";

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

/** All kept commands as plain data. */
export type FrozenKeptCommands = { fileCount: number; commands: FrozenKept[] };

/** Bounds of the kept commands. `directory` is where their output goes; it must exist. */
export type KeptLimits = KeptCounts & {
  directory: string;
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
  const times = new WeakMap<KeptCommand, KeptTimes>();

  const timesOf = (kept: KeptCommand): KeptTimes => times.get(kept) ?? { keepMs: 0, number: 0 };

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
    facts: Omit<KeptCommandFacts, "outputOf">,
    { keepMs, number, mostBytes = limits.mostBytes }: KeptTimes,
  ): KeptCommand => {
    const outputOf: KeptCommandFacts["outputOf"] = (stream) => {
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
      makeRoom(asker, commands, limits, remove);
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

function mayUse(kept: KeptCommand, { peer, user }: Asker): boolean {
  if (!isSamePeer(kept.peer, peer)) return false;
  return user?.uid === undefined || user.uid === 0 || user.uid === kept.user?.uid;
}

function keyOfCall(peer: Caller, id: CallId): string {
  return `${keyOfPeer(peer)}\0\0${id}`;
}

/** A call that is not there, or not of the asker, who must not learn which. */
export function noCall(id: CallId): NegotiatorError {
  return new NegotiatorError("NO_CALL", `There is no detached call "${clipText(id)}" of yours`, {
    remedy:
      "See which there are with the subcommand calls. Once a call is forgotten, as after its time " +
      "(--keep), its outcome is not known",
  });
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
