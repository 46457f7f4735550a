/** Answers a question of our parent process, which must not wait for what this process may wait for. */
import { readFileSync, writeSync } from "node:fs";
import { NegotiatorError } from "../../errors.ts";
import { judgeDirectory, judgeSearchPath } from "../../methods/command-files.ts";
import type { CommandsQuestion } from "../../methods/load-directory.ts";
import { answerProgram } from "../../methods/read-program.ts";
import type { ProgramQuestion } from "../../methods/read-program.ts";
import { answerPolicy } from "../../policy/policy-parts.ts";
import type { PolicyQuestion } from "../../policy/policy-parts.ts";
import { describeGroup, findGroupNamed, findUser } from "../../trust/accounts.ts";
import { answerPlace } from "../../trust/judge-place.ts";
import type { PlaceQuestion } from "../../trust/judge-place.ts";
import { answerFile } from "../../trust/late-files.ts";
import type { FileQuestion } from "../../trust/late-files.ts";
import type { Looks } from "../../trust/look.ts";
import { STARTED_MARK } from "../../trust/child-clock.ts";
import type { GroupIdAnswer, SystemQuestion, UsersAnswer } from "../../trust/system-question.ts";
import { answerKept } from "./left-kept.ts";
import type { KeptQuestion } from "./left-kept.ts";
import { print } from "../cli/output.ts";
import type { Outcome } from "../cli/subcommand.ts";

type Question =
  | SystemQuestion
  | CommandsQuestion
  | PlaceQuestion
  | FileQuestion
  | PolicyQuestion
  | ProgramQuestion
  | KeptQuestion;

/** Reads the question from standard input, and prints the answer. Both are JSON. */
export async function answerQuestion(): Promise<Outcome> {
  writeSync(1, STARTED_MARK);
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const question = JSON.parse(readFileSync(0, "utf8")) as Question;
  return print(JSON.stringify(answer(question)));
}

function answer(question: Question): unknown {
  const looks: Looks = { onlyLocal: false, groupOf: (gid) => describeGroup(gid) };
  if (question.kind === "place") return answerPlace(question, looks.groupOf);
  if (question.kind === "file") return answerFile(question, looks);
  if (question.kind === "kept") return answerKept(question);
  if (question.kind === "program") return answerProgram(question);
  if (question.kind === "policy") return answerPolicy(question, looks);
  if (question.kind === "users") return findUsers(question.users);
  if (question.kind === "group-id") return toAnswer(findGroupNamed(question.name));
  if (question.kind === "group") return describeGroup(question.gid);
  try {
    return question.kind === "commands"
      ? judgeDirectory(question, looks)
      : judgeSearchPath(question.uid, looks);
  } catch (thrown) {
    return { problem: NegotiatorError.from(thrown).message };
  }
}

function toAnswer(gid: number | undefined): GroupIdAnswer {
  return gid === undefined ? {} : { gid };
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
