/**
 * The questions about users and groups that a child of this program answers: the system may ask other
 * machines for them, and wait.
 */
import type { User } from "./users.ts";

/** `users`: who has these names and ids. `group`: who is in it. */
export type SystemQuestion =
  { kind: "users"; users: readonly (string | number)[] } | { kind: "group"; gid: number };

/** One answer for each name or id, in order. `problem` is an error's message of several lines. */
export type UsersAnswer = readonly ({ user: User } | { problem: string })[];

/** How long a child may take for a question, in milliseconds. */
export const QUESTION_MS = 5000;
