/**
 * The questions that a child of this program answers, because the system may ask other machines for users
 * and groups, and wait.
 */
import { errnoOf } from "../errors.ts";
import { ANSWER_WORD, OWN_ENVIRONMENT, ownCommandLine } from "./own-program.ts";
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

/** How long a child may take for a question, in milliseconds. */
export const QUESTION_MS = 5000;

/**
 * Returns who is in a group. Waits for the child that finds out, so a daemon calls it only while it reads
 * its configuration.
 */
export function askGroup(gid: number): GroupFacts {
  const question: SystemQuestion = { kind: "group", gid };
  try {
    const { stdout, success } = Bun.spawnSync({ ...childFor(question), stderr: "ignore" });
    if (!success) return { problem: `cannot be looked at: the system gave no answer in ${QUESTION_MS} ms` };
    // Our own program wrote it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return JSON.parse(stdout.toString()) as GroupFacts;
  } catch (thrown) {
    return { problem: `cannot be looked at: ${errnoOf(thrown) ?? "no child could be started"}` };
  }
}

/** Resolves with the answer of a child to `question`; both are JSON. Undefined if it gives none in time. */
export async function ask(question: object): Promise<unknown> {
  const child = Bun.spawn({ ...childFor(question), stderr: "ignore" });
  const text = await child.stdout.text();
  return text === "" ? undefined : JSON.parse(text);
}

function childFor(question: object) {
  return {
    cmd: ownCommandLine([ANSWER_WORD]),
    cwd: "/",
    env: OWN_ENVIRONMENT,
    stdin: Buffer.from(JSON.stringify(question)),
    stdout: "pipe",
    timeout: QUESTION_MS,
    killSignal: "SIGKILL",
  } as const;
}
