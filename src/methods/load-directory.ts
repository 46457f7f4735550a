/** Judges a directory of commands here if no look can hang, and else in a child with a deadline. */
import { askOwnChild } from "../process/own-child.ts";
import { Elsewhere } from "../trust/look.ts";
import { judgeDirectory } from "./command-files.ts";
import type { CommandDirectory, DirectoryQuestion } from "./command-files.ts";

/** The question of a child that judges a directory. */
export type CommandsQuestion = DirectoryQuestion & { kind: "commands" };

/** The answer of that child. `problem` is the message of an error. */
export type CommandsAnswer = CommandDirectory | { problem: string };

/**
 * Resolves with the judged directory. It is judged here on local file systems, and in a child if it is
 * elsewhere, or if the members of a group decide: that may ask other machines. Rejects for a directory that
 * cannot be read, and if the child gives no answer in time.
 */
export async function loadDirectory(question: DirectoryQuestion): Promise<CommandDirectory> {
  try {
    return judgeDirectory(question, { onlyLocal: true, groupOf: askElsewhere });
  } catch (thrown) {
    if (!(thrown instanceof Elsewhere)) throw thrown;
  }
  const asked: CommandsQuestion = { ...question, kind: "commands" };
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const answer = (await askOwnChild(asked, LIMITS)) as CommandsAnswer;
  if ("problem" in answer) throw new Error(answer.problem);
  return answer;
}

const LIMITS = { timeoutMs: 5000, answerBytes: 64 * 1024 * 1024 };

function askElsewhere(): never {
  throw new Elsewhere("the members of a group");
}
