/** Finds the id of a group, as the system resolves it, in a child. */
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { QUESTION_MS } from "../trust/late-answer.ts";
import type { GroupIdAnswer, SystemQuestion } from "../trust/system-question.ts";
import { askOwnChild } from "./own-child.ts";

const log = logFor("groups");

/** Resolves with the id, or with undefined if the system knows no such group, or does not say so in time. */
export async function findGroupId(name: string): Promise<number | undefined> {
  const question: SystemQuestion = { kind: "group-id", name };
  try {
    const answer = await askOwnChild(question, { timeoutMs: QUESTION_MS, answerBytes: ANSWER_BYTES });
    // Our own program wrote it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (answer as GroupIdAnswer).gid;
  } catch (thrown) {
    log.warn(
      `Cannot find the group "${name}", so it gets no rights: ${NegotiatorError.from(thrown).message}`,
    );
    return undefined;
  }
}

const ANSWER_BYTES = 1024;
