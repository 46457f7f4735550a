/** The users that a daemon runs commands as: each is resolved once, in a child, and kept until a reload. */
import { NegotiatorError } from "../errors.ts";
import { QUESTION_MS } from "../trust/late-answer.ts";
import type { SystemQuestion, UsersAnswer } from "../trust/system-question.ts";
import { unusableUser } from "../trust/users.ts";
import type { User } from "../trust/users.ts";
import { askOwnChild } from "./own-child.ts";

/** A user as a config names it: by name, or our own by its id. */
export type UserKey = string | number;

/** The resolved users. */
export type UserCache = {
  /** Resolves those of these users that are not resolved yet, in one child. Never rejects. */
  load: (keys: readonly UserKey[]) => Promise<void>;
  /** Resolves with the user, and rejects with `BAD_CONFIG` as the system refuses it. */
  find: (key: UserKey) => Promise<User>;
  /** Returns the user, if it was resolved before. */
  known: (key: UserKey) => User | undefined;
  /** Makes the next calls resolve all users again; running ones get the old answers. */
  clear: () => void;
  /** Makes the next calls resolve those users again that could not be resolved. */
  clearFailed: () => void;
  /** Returns the resolved users as plain data. */
  freeze: () => FrozenUsers;
};

/** The resolved users as plain data. */
export type FrozenUsers = readonly (readonly [UserKey, User])[];

/** Finds a user as `find` does. The error names `place`, the file or rule that has the user's name. */
export async function findUserOf(key: UserKey, place: string, users: Pick<UserCache, "find">): Promise<User> {
  try {
    return await users.find(key);
  } catch (thrown) {
    const { code, message, cause } = NegotiatorError.from(thrown);
    throw new NegotiatorError(code, `Cannot use ${place}: ${message}`, { cause });
  }
}

/** Resolves with an answer for each user, in order. */
export type ResolveUsers = (keys: readonly UserKey[]) => Promise<UsersAnswer>;

/** Returns a cache of the `frozen` users; none by default. Tests pass another `resolve`. */
export function createUserCache(resolve: ResolveUsers = resolveUsers, frozen: FrozenUsers = []): UserCache {
  const found = new Map<UserKey, Promise<User>>();
  const failed = new Set<UserKey>();
  const known = new Map<UserKey, User>(frozen);
  for (const [key, user] of frozen) found.set(key, Promise.resolve(user));
  const resolveAll = (keys: readonly UserKey[]): void => {
    const answers = resolve(keys);
    for (const [index, key] of keys.entries()) {
      const user = answers.then(
        (all) => takeAnswer(key, all[index]),
        (thrown: unknown) => {
          throw unusableUser(key, `the system did not answer: ${NegotiatorError.from(thrown).message}`);
        },
      );
      user.then(
        (resolved) => known.set(key, resolved),
        () => failed.add(key),
      );
      found.set(key, user);
    }
  };
  const load = async (keys: readonly UserKey[]): Promise<void> => {
    const missing = [...new Set(keys)].filter((key) => !found.has(key));
    if (missing.length > 0) resolveAll(missing);
    await Promise.allSettled(keys.flatMap((key) => found.get(key) ?? []));
  };
  return {
    load,
    find(key) {
      if (!found.has(key)) resolveAll([key]);
      const user = found.get(key);
      return user ?? Promise.reject(unusableUser(key, "it was not resolved"));
    },
    known: (key) => known.get(key),
    clear() {
      found.clear();
      known.clear();
      failed.clear();
    },
    clearFailed() {
      for (const key of failed) found.delete(key);
      failed.clear();
    },
    freeze: () => [...known],
  };
}

/** Asks a child of this program. Rejects as `askOwnChild` does. */
async function resolveUsers(users: readonly UserKey[]): Promise<UsersAnswer> {
  const question: SystemQuestion = { kind: "users", users };
  const answer = await askOwnChild(question, { timeoutMs: QUESTION_MS, answerBytes: ANSWER_BYTES });
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return answer as UsersAnswer;
}

/** A user may be in 65536 groups. */
const ANSWER_BYTES = 16 * 1024 * 1024;

function takeAnswer(key: UserKey, answer: UsersAnswer[number] | undefined): User {
  if (answer === undefined) throw unusableUser(key, "the answer of the system lacks it");
  if ("user" in answer) return answer.user;
  const [message = "", ...remedy] = answer.problem.split("\n");
  throw new NegotiatorError("BAD_CONFIG", message, remedy.length === 0 ? {} : { remedy: remedy.join("\n") });
}
