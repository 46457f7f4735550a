/** Judges directories of commands here if no look can hang, and else in children with a deadline. */
import { NegotiatorError } from "../errors.ts";
import { askOwnChild } from "../process/own-child.ts";
import { printable } from "../printable.ts";
import { judgeHereOrThere } from "../trust/look.ts";
import { judgeDirectory, judgeSearchPath } from "./command-files.ts";
import type { CommandDirectory, CommandFile, DirectoryQuestion, SearchPath } from "./command-files.ts";

/** The questions of a child that judges a directory, some of its files, or the PATH. */
export type CommandsQuestion =
  (DirectoryQuestion & { kind: "commands" }) | { kind: "search-path"; uid: number };

/** The answer of that child. `problem` is the message of an error. */
export type CommandsAnswer<Verdict> = Verdict | { problem: string };

/**
 * Resolves with the judged directory. It is judged here on local file systems, and in a child if it is
 * elsewhere, or if the members of a group decide: that may ask other machines. Each file that leads elsewhere
 * has its own child, and is refused if that gives no answer in time. Rejects for a directory that cannot be
 * read, and if the child gives no answer in time.
 */
export async function loadDirectory(question: DirectoryQuestion): Promise<CommandDirectory> {
  const directory = await judgeHereOrThere(
    (looks) => judgeDirectory(question, looks),
    () => askThere<CommandDirectory>({ ...question, kind: "commands" }, DIRECTORY_MS),
  );
  const files: CommandFile[] = [...directory.files];
  const left = [...directory.elsewhere];
  const takeNext = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop())
      files.push(...(await loadFile(question, name)));
  };
  await Promise.all(Array.from({ length: CHILDREN }, takeNext));
  return { ...directory, files };
}

/** Resolves with the judged PATH of all commands. Never rejects: a PATH that cannot be judged has a fault. */
export async function loadSearchPath(uid: number): Promise<SearchPath> {
  try {
    return await judgeHereOrThere(
      (looks) => judgeSearchPath(uid, looks),
      () => askThere<SearchPath>({ kind: "search-path", uid }, DIRECTORY_MS),
    );
  } catch (thrown) {
    const { message } = NegotiatorError.from(thrown);
    const fault = {
      problem: `the directories of its PATH cannot be checked: ${message}`,
      publicProblem: "has a PATH that cannot be checked",
      remedy: "See whether they answer: ls -ld /usr/local/bin /usr/bin",
    };
    return { fault, pins: [] };
  }
}

/** A call waits three seconds for its command, and a new file can need two loads. */
const FILE_MS = 1000;
const DIRECTORY_MS = 5000;
const CHILDREN = 4;
const ANSWER_BYTES = 64 * 1024 * 1024;

async function loadFile(question: DirectoryQuestion, name: string): Promise<readonly CommandFile[]> {
  try {
    const asked = { ...question, names: [name], kind: "commands" } as const;
    return (await askThere<CommandDirectory>(asked, FILE_MS)).files;
  } catch (thrown) {
    const path = `${question.directory}/${name}`;
    const { message } = NegotiatorError.from(thrown);
    const problem = `it leads to a file system that does not answer: ${message}`;
    const full = `Cannot run "${printable(path)}": ${problem}`;
    const refusal = { code: "NOT_EXECUTABLE", reason: "its files do not answer", full } as const;
    return [{ name, path, pins: [], kind: "unsafe", refusal }];
  }
}

async function askThere<Verdict extends object>(
  question: CommandsQuestion,
  timeoutMs: number,
): Promise<Verdict> {
  const answered = await askOwnChild(question, { timeoutMs, answerBytes: ANSWER_BYTES });
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const answer = answered as CommandsAnswer<Verdict>;
  if ("problem" in answer) throw new Error(answer.problem);
  return answer;
}
