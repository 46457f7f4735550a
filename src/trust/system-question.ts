/**
 * The questions that a child of this program answers, because the system may ask other machines for users
 * and groups, and wait.
 */
import { errnoOf } from "../errors.ts";
import { CHILD_START_MS } from "./child-clock.ts";
import { childFor, QUESTION_MS } from "./late-answer.ts";
import type { GroupFacts, User } from "./users.ts";

/** `users`: who has these names and ids. `group`: who is in it. `group-id`: which id has that name. */
export type SystemQuestion =
  | { kind: "users"; users: readonly (string | number)[] }
  | { kind: "group"; gid: number }
  | { kind: "group-id"; name: string };

/** The answer about an id. No `gid`: the system knows no such group. */
export type GroupIdAnswer = { gid?: number };

/** One answer for each name or id, in order. `problem` is an error's message of several lines. */
export type UsersAnswer = readonly ({ user: User } | { problem: string })[];

/**
 * Returns who is in a group. Waits for the child that finds out, so a daemon calls it only while it starts.
 */
export function askGroup(gid: number): GroupFacts {
  const question: SystemQuestion = { kind: "group", gid };
  try {
    const { stdout, success } = Bun.spawnSync({
      ...childFor(JSON.stringify(question)),
      stderr: "ignore",
      timeout: LONGEST_MS,
      killSignal: "SIGKILL",
    });
    if (!success) return { problem: `cannot be looked at: the system gave no answer in ${LONGEST_MS} ms` };
    // Our own program wrote it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return JSON.parse(stdout.toString()) as GroupFacts;
  } catch (thrown) {
    return { problem: `cannot be looked at: ${errnoOf(thrown) ?? "no child could be started"}` };
  }
}

/** The start of the child and its answer have one limit here. */
const LONGEST_MS = CHILD_START_MS + QUESTION_MS;
