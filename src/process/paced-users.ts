/** Lets each user begin a few connections at once, and further ones at an even pace. */
import { closeSync } from "node:fs";

/** A user begins so many connections at once, then one in each step. So many more may wait. */
export type UserPace = { atOnce: number; stepMs: number; waiting: number };

/** The pace of a user, if no other one is given. */
export const USER_PACE: UserPace = { atOnce: 100, stepMs: 4, waiting: 128 };

/** `pass` owns the descriptor that it gets. `hasLeft`: whether it need no longer be passed on. */
export type PacedOptions = {
  pass: (descriptor: number) => void;
  hasLeft: (descriptor: number) => boolean;
  pace?: UserPace;
};

/** The accepted connections that are not passed on yet. */
export type PacedUsers = {
  /** Passes the descriptor on, now or later. Closes it if too many of that user wait. */
  add(uid: number, descriptor: number): void;
  /** Passes on all that wait. */
  flush(): void;
  /** Closes all that wait. */
  close(): void;
};

/** Returns an empty queue for each user. Root has no pace. */
export function createPacedUsers({ pass, hasLeft, pace = USER_PACE }: PacedOptions): PacedUsers {
  const users = new Map<number, PacedUser>();
  const burstMs = (pace.atOnce - 1) * pace.stepMs;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Returns false if the far end has left, which takes nothing of the pace. */
  const passOne = (descriptor: number): boolean => {
    const isThere = !hasLeft(descriptor);
    if (isThere) pass(descriptor);
    else closeSync(descriptor);
    return isThere;
  };
  const serve = (uid: number, user: PacedUser): void => {
    const nowMs = performance.now();
    while (user.dueMs - nowMs <= burstMs) {
      const descriptor = user.descriptors.shift();
      if (descriptor === undefined) break;
      if (passOne(descriptor)) user.dueMs = Math.max(user.dueMs, nowMs) + pace.stepMs;
    }
    if (user.descriptors.length === 0 && user.dueMs <= nowMs) users.delete(uid);
  };
  const serveAll = (): void => {
    timer = undefined;
    for (const [uid, user] of users) serve(uid, user);
    if (users.size > 0) timer = setTimeout(serveAll, pace.stepMs);
  };

  return {
    add(uid, descriptor) {
      if (uid === ROOT) return void passOne(descriptor);
      const user = users.get(uid) ?? { descriptors: [], dueMs: 0 };
      if (user.descriptors.length >= pace.waiting) return closeSync(descriptor);
      users.set(uid, user);
      user.descriptors.push(descriptor);
      serve(uid, user);
      timer ??= setTimeout(serveAll, pace.stepMs);
    },
    flush() {
      for (const { descriptors } of users.values()) for (const each of descriptors.splice(0)) passOne(each);
    },
    close() {
      clearTimeout(timer);
      for (const { descriptors } of users.values()) for (const each of descriptors.splice(0)) closeSync(each);
      users.clear();
    },
  };
}

/** `dueMs`: when the pace alone would let the next connection begin. */
type PacedUser = { descriptors: number[]; dueMs: number };

const ROOT = 0;
