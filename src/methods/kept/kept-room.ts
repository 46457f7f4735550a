/** Makes room for a detached command, so that no user and no peer keeps out the others. */
import { NegotiatorError } from "../../errors.ts";
import { formatCaller } from "../../policy/caller.ts";
import type { CallerInfo } from "../../wire/message.ts";
import { isSamePeer, keyOfPeer } from "./kept-command.ts";
import type { Asker, KeptCommand } from "./kept-command.ts";

/** The most commands of one peer, and of all. */
export type KeptCounts = { ofPeer: number; ofAll: number };

/** Forgets commands that have ended, if there are too many. Throws `BUSY` if none of them may give way. */
export function makeRoom(
  { peer, user }: Asker,
  commands: ReadonlyMap<string, KeptCommand>,
  limits: KeptCounts,
  remove: (kept: KeptCommand) => void,
): void {
  const own = [...commands.values()].filter((kept) => isSamePeer(kept.peer, peer));
  if (own.length >= limits.ofPeer && !removeOldest(givingWayTo(user, own), remove))
    throw tooMany(`${limits.ofPeer} detached calls of ${formatCaller(peer)}`);
  // Peers that keep many must not keep out the others: each has one place in any case.
  if (commands.size < limits.ofAll || own.length === 0) return;
  const peers = Map.groupBy(commands.values(), (kept) => keyOfPeer(kept.peer));
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

function tooMany(what: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot detach the call: there are ${what} already`, {
    remedy: "Wait for some of them, or cancel them: see the subcommand calls",
  });
}
