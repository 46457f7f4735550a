/** Answers a question of our parent process, which must not wait for what this process may wait for. */
import { readFileSync } from "node:fs";
import { NegotiatorError } from "../../errors.ts";
import { describeGroup, findUser } from "../../trust/accounts.ts";
import type { SystemQuestion, UsersAnswer } from "../../trust/system-question.ts";
import { print } from "../cli/output.ts";
import type { Outcome } from "../cli/subcommand.ts";

/** Reads the question from standard input, and prints the answer. Both are JSON. */
export async function answerQuestion(): Promise<Outcome> {
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const question = JSON.parse(readFileSync(0, "utf8")) as SystemQuestion;
  return print(JSON.stringify(answer(question)));
}

function answer(question: SystemQuestion): unknown {
  return question.kind === "group" ? describeGroup(question.gid) : findUsers(question.users);
}

function findUsers(users: readonly (string | number)[]): UsersAnswer {
  return users.map((nameOrUid) => {
    try {
      return { user: findUser(nameOrUid) };
    } catch (thrown) {
      return { problem: NegotiatorError.from(thrown).message };
    }
  });
}
